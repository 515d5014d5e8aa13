import { hasEscapedBytes, percentDecoded } from '../../byte-text.js';
import { NotFoundError } from '../../errors.js';

/** The key that a URL of the scheme names; empty for the root of the bucket. Keys are UTF-8: others are missing. */
export function keyOf(url: URL): string {
  const key = percentDecoded(url.pathname.slice(1));
  if (hasEscapedBytes(key))
    throw new NotFoundError(url, { expected: 'a key in UTF-8', found: 'other bytes' });
  return key;
}

/** As the stores encode in XML, where a `+` is a space. */
export function decodedForm(text: string): string {
  return text.includes('+') || text.includes('%') ? percentDecoded(text.replaceAll('+', ' ')) : text;
}
