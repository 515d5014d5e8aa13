/**
 * Names of FTP are bytes (RFC 959, 5.3). Here they are text with a character for each byte, Latin-1, so that a name of any
 * encoding comes and goes unchanged.
 */
import { bytesOfText, percentDecoded, percentEncodedSegment, textOfBytes } from '../../byte-text.js';
import { NotFoundError, SourceError } from '../../errors.js';

export interface FtpPath {
  /** Begins with `/`, and does not end with one unless it is the root. */
  readonly path: string;
  /** The path begins in the login directory (`/~/`), not at the root. */
  readonly isHome: boolean;
}

/** Of a URL. Nothing of it can end a command, and begin another. */
export function ftpPathOf(url: URL): FtpPath {
  const segments = url.pathname.split('/').filter((segment) => segment !== '');
  const isHome = segments[0] === '~';
  const names = (isHome ? segments.slice(1) : segments).map((segment) => nameOf(segment, url));
  return { path: `/${names.join('/')}`, isHome };
}

function nameOf(segment: string, url: URL): string {
  const name = bytesOfText(percentDecoded(segment)).toString('latin1');
  if (/[\r\n\0]/.test(name)) {
    throw new SourceError('INVALID_REQUEST', 'FTP has no such name', url, {
      expected: 'a name without line ends and NUL',
      found: 'one of them',
    });
  }
  // The server would take it for a path.
  if (name.includes('/')) throw new NotFoundError(url);
  return name;
}

/** As in the URL of an entry; undefined: no path can name it. */
export function segmentOf(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..' || /[\r\n\0/]/.test(name)) return undefined;
  return percentEncodedSegment(textOfBytes(Buffer.from(name, 'latin1')));
}

/** The directory that a path is in, and its name there. */
export function splitPath(path: string): { readonly directory: string; readonly name: string } {
  const at = path.lastIndexOf('/');
  return { directory: path.slice(0, at) || '/', name: path.slice(at + 1) };
}

export function joinPath(directory: string, path: string): string {
  const base = directory.replace(/\/+$/, '');
  return path === '/' ? base || '/' : `${base}${path}`;
}
