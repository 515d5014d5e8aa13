/** Where a redirect may lead, and what of a request goes with it to another origin. */
import { percentEncodedByte } from '../byte-text.js';
import { ProtocolError, SourceError } from '../errors.js';
import { redactUrl } from '../safe-text.js';

/** What servers and browsers take at least (RFC 9110, 4.1), and most take at most. */
const MAX_LOCATION_CHARS = 8 * 1024;

/** What the engine itself may set, and what describes only the requested response. Anything else may grant access. */
const CARRIED = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'user-agent',
]);

/** Of the request's own header: all of it to the origin that it was made for, and to others what may be carried. */
export function carriedHeader(header: Headers, from: URL, to: URL): Record<string, string> {
  const isSameOrigin = from.origin === to.origin;
  return Object.fromEntries([...header].filter(([name]) => isSameOrigin || CARRIED.has(name)));
}

export function redirectTarget(location: string | null, from: URL): URL {
  const broken = (expected: string, found: string): ProtocolError =>
    new ProtocolError('a redirect leads nowhere', from, { expected, found });
  if (location !== null && location.length > MAX_LOCATION_CHARS) {
    throw broken(`a Location of at most ${MAX_LOCATION_CHARS} bytes`, `${location.length} bytes`);
  }
  // Heads are read as Latin-1: a character is a byte.
  const reference = location?.replace(/[\u0080-\u00ff]/g, (byte) => percentEncodedByte(byte.charCodeAt(0)));
  if (reference === undefined || !URL.canParse(reference, from.href)) {
    throw broken('a Location', `Location: ${location === null ? 'none' : redactUrl(location)}`);
  }
  const target = new URL(reference, from);
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    throw broken('http or https', `Location: ${redactUrl(target)}`);
  }
  if (target.username !== '' || target.password !== '') {
    throw broken('a Location without credentials', `a Location with credentials, to ${target.host}`);
  }
  target.hash = '';
  return target;
}

/** Content of an https URL must not come over http, where others on the way can replace it. */
export function refuseDowngrade(requested: URL, target: URL): void {
  if (requested.protocol !== 'https:' || target.protocol !== 'http:') return;
  throw new SourceError('INSECURE_REDIRECT', 'a redirect from https to http is refused', requested, {
    expected: 'a redirect to https',
    found: `a redirect to ${target.origin}`,
  });
}

export function isDirectoryRedirect(from: URL, to: URL): boolean {
  return to.hostname === from.hostname && to.pathname === `${from.pathname}/`;
}
