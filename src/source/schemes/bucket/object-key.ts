import { hasEscapedBytes, percentDecoded } from '../../byte-text.js';
import { NotFoundError } from '../../errors.js';

/**
 * The key that a URL of the scheme names; empty for the root of the bucket. Keys are UTF-8: others are missing. So is a name
 * with a `/` in it: a second name of a key, and `x%2F..%2F..` would lead out of the bucket.
 */
export function keyOf(url: URL): string {
  if (/%2f/i.test(url.pathname))
    throw new NotFoundError(url, { expected: 'a name', found: 'a name with a slash' });
  const key = percentDecoded(url.pathname.slice(1));
  if (hasEscapedBytes(key))
    throw new NotFoundError(url, { expected: 'a key in UTF-8', found: 'other bytes' });
  return key;
}

/** As the stores encode in XML, where a `+` is a space. */
export function decodedForm(text: string): string {
  return text.includes('+') || text.includes('%') ? percentDecoded(text.replaceAll('+', ' ')) : text;
}
