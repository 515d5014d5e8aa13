/** Where a redirect may lead, and what of a request goes with it to another origin. */
import { percentEncodedByte } from '../byte-text.js';
import { ProtocolError, SourceError } from '../errors.js';
import { redactUrl } from '../safe-text.js';

/** What servers and browsers take at least (RFC 9110, 4.1), and most take at most. */
const MAX_LOCATION_CHARS = 8 * 1024;

/** What the engine itself may set, and what describes only the requested response. Anything else may grant access. */
const CARRIED = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  // Of WebDAV: without it, a directory with all that is below it would be meant.
  'depth',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'user-agent',
]);

/** What of a request's header goes to another origin. */
export function carriedHeader(header: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(header).filter(([name]) => CARRIED.has(name)));
}

/** `requested`: for errors. */
export function redirectTarget(location: string | null, from: URL, requested: URL): URL {
  const broken = (expected: string, found: string): ProtocolError =>
    new ProtocolError('a redirect leads nowhere', requested, { expected, found });
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
export function refuseDowngrade(from: URL, target: URL, requested: URL): void {
  if (from.protocol !== 'https:' || target.protocol !== 'http:') return;
  throw new SourceError('INSECURE_REDIRECT', 'a redirect from https to http is refused', requested, {
    expected: 'a redirect to https',
    found: `a redirect to ${target.origin}`,
  });
}

export function isDirectoryRedirect(from: URL, to: URL): boolean {
  return to.hostname === from.hostname && to.pathname === `${from.pathname}/`;
}
