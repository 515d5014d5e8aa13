/**
 * One spelling for a path segment: escapes of characters that a segment may hold as they are get undone,
 * the others are in capitals (RFC 3986, 6.2.2). Two spellings of one file name have the same form: web
 * servers differ in what they escape in their index pages.
 */
export function canonicalSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  return segment.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9\-._~!$&'()*+,;=:@]/.test(character) ? character : escape.toUpperCase();
  });
}
