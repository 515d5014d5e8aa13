/**
 * How a file name maps to a piece of a URL, and back: every listed name opens the resource that it was listed for. A valid `%XX`
 * in a name is kept, every byte that a URL path cannot hold is encoded (RFC 3986, 3.3), and the first `?` begins the query. Bytes
 * that are not UTF-8 are as `byte-text` has them.
 */
import { byteLengthOfText, canonicalSegment, percentDecoded, percentEncoded } from '../source/index.js';
import { FsError } from './fs-error.js';

/** `NAME_MAX`: the longest name in bytes. */
export const NAME_MAX_BYTES = 255;

/** What a path segment may hold besides unreserved characters: sub-delims, ":" and "@" (RFC 3986, 3.3). */
const NOT_PATH = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@%]+/gu;
const NOT_QUERY = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@%/?]+/gu;

/**
 * A name that stands for itself: nothing in it is encoded, or would have to be. Most are such, and a large
 * listing has time for no more than this.
 */
const PLAIN = /^(?!\.{1,2}$)[A-Za-z0-9\-._~!$&'()*+,;=:@]{1,255}$/;

/**
 * The path segment, and query if there is one, that a name stands for. Throws for a name that a URL cannot hold. `queries`:
 * of `SourceCapabilities`.
 */
export function segmentOfName(name: string, queries?: readonly string[]): string {
  if (PLAIN.test(name)) return name;
  if (byteLengthOfText(name) > NAME_MAX_BYTES) {
    throw new FsError('NAME_TOO_LONG', name, `name is longer than ${NAME_MAX_BYTES} bytes`);
  }
  const question = queryStart(name, queries);
  const path = question === -1 ? name : name.slice(0, question);
  const segment = path.replace(NOT_PATH, percentEncoded);
  if (isDotSegment(segment) || segment === '') {
    throw new FsError('INVALID_NAME', name, 'name would leave its directory');
  }
  if (question === -1) return segment;
  return `${segment}?${name.slice(question + 1).replace(NOT_QUERY, percentEncoded)}`;
}

/** The name under which a listed segment is shown; undefined for one that cannot be shown as a file name. */
export function nameOfSegment(segment: string, queries?: readonly string[]): string | undefined {
  if (PLAIN.test(segment)) return segment;
  const decoded = percentDecoded(segment);
  if (isFaithful(segment, decoded, queries)) return decoded;
  return isFaithful(segment, segment, queries) ? segment : undefined;
}

/** Where the `?` of the query is; -1: there is none. */
function queryStart(name: string, queries: readonly string[] | undefined): number {
  if (queries === undefined) return name.indexOf('?');
  const question = name.lastIndexOf('?');
  const parameters = name.slice(question + 1).split('&');
  const isQuery = parameters.every((one) => queries.includes(one.slice(0, Math.max(0, one.indexOf('=')))));
  return isQuery ? question : -1;
}

/** Whether the name is a possible file name that stands for just this segment. */
function isFaithful(segment: string, name: string, queries: readonly string[] | undefined): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (name === '' || /[/\u0000-\u001f\u007f-\u009f]/.test(name)) return false;
  try {
    return canonicalSegment(segmentOfName(name, queries)) === canonicalSegment(segment);
  } catch {
    return false;
  }
}

/** `.` and `..`, also when encoded: a URL parser takes them for steps (WHATWG URL, dot segments). */
function isDotSegment(segment: string): boolean {
  return /^(\.|%2e){1,2}$/i.test(segment);
}

/** Some servers decode a path more than once. */
const MAX_DECODED = 4;

/**
 * Whether a server may take a part of the segment for `.` or `..`: many decode `%2F` before they resolve dot segments, some take
 * `\` for a slash, and some drop what follows a `;`.
 */
export function stepsUp(segment: string): boolean {
  if (!/[%\\;]/.test(segment)) return false;
  let text = segment.replace(/\?.*$/s, '');
  for (let times = 0; times < MAX_DECODED && text.includes('%'); times += 1) text = percentDecoded(text);
  return text.split(/[/\\]/).some((part) => /^\.{1,2}(?:;|$)/.test(part));
}

/** `x.tar.gz`, `.git`; not `v1.2` or `1.0.3`, which are common directories in download URLs. */
const FILE_NAME = /^\.|\.(?:[A-Za-z][A-Za-z0-9_~-]{0,15}|7z|3gp)$/;

/** Whether a path segment looks like a file's name. */
export function hasFileExtension(segment: string): boolean {
  return FILE_NAME.test(segment);
}
