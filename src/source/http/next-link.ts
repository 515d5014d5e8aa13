/** A link with its parameters. Each character is looked at once or twice, whatever a server sends. */
const LINK = /<([^<>]*)>([^<]*)/g;
const IS_NEXT = /;\s*rel\s*=\s*"?next\b/i;

/** The target of `rel="next"` in a `Link` (RFC 8288). */
export function nextLink(header: string | null): string | undefined {
  for (const [, target, parameters = ''] of (header ?? '').matchAll(LINK))
    if (IS_NEXT.test(parameters)) return target;
  return undefined;
}
