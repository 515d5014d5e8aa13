/** HTML, and what APIs answer: the URLs of these have others below them. */
const HTML = /^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i;
const STRUCTURED = /^\s*(?:application|text)\/(?:[\w.-]+\+)?(?:json|xml)\s*(?:;|$)/i;
const HTML_EXTENSION = /\.(?:html?|xhtml|shtml)$/i;

/**
 * Whether a resource may have others below its URL, though it has content of its own: `/owner/next.js` and
 * `/api/users` do, `/index.html` and `/users.json` do not.
 */
export function isPage(url: string, contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  const [path = ''] = url.split('?', 1);
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (HTML.test(contentType)) return !HTML_EXTENSION.test(name);
  return STRUCTURED.test(contentType) && !name.includes('.');
}
