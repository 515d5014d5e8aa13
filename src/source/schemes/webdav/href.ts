/** What the `href` of a listing names. Servers write it in every way: only its path counts, decoded. */
import { byteLengthOfText, percentDecoded } from '../../byte-text.js';

/** `NAME_MAX` of Linux. */
const MAX_NAME_BYTES = 255;

/**
 * The path that an href stands for, decoded, without repeated slashes. Which host it names makes no difference: a server behind a
 * proxy names its own. `directory`: of a relative one; ends with a slash.
 */
export function pathOfHref(href: string, directory: string): string {
  const text = href.replaceAll(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  const isAbsolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const path = isAbsolute ? text.replace(/^[^/]*\/\/[^/]*/, '') || '/' : text;
  // A space is the first thing to be encoded: where it is not, nothing is. There is no query or fragment, encoded or not.
  const decoded = path.includes(' ') ? path : percentDecoded(path);
  const whole = decoded.startsWith('/') ? decoded : `${directory}${decoded.replace(/^\.\//, '')}`;
  return whole.replaceAll(/\/{2,}/g, '/');
}

/** The name right below a directory: '' for the directory itself, undefined for anything that no file name can stand for. */
export function nameBelow(path: string, directory: string): string | undefined {
  if (`${path}/` === directory) return '';
  if (!path.startsWith(directory)) return undefined;
  const rest = path.slice(directory.length);
  const name = rest.endsWith('/') ? rest.slice(0, -1) : rest;
  if (name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return undefined;
  return byteLengthOfText(name) <= MAX_NAME_BYTES ? name : undefined;
}
