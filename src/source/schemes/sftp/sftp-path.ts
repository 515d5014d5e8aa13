import { bytesOfText, percentDecoded } from '../../byte-text.js';
import { NotFoundError } from '../../errors.js';

/**
 * The path on the server that a URL names, as bytes: absolute, or below the home directory where it begins with `/~`
 * (relative paths of SFTP begin there). Throws `NotFoundError` where a segment is no name.
 */
export function pathOf(url: URL): Buffer {
  const segments = segmentsOf(url);
  if (segments[0] === '~') return bytesOfText(segments.slice(1).join('/') || '.');
  return bytesOfText(`/${segments.join('/')}`);
}

/** The paths of the directories that a URL is in, from the root or the home directory on. */
export function ancestorsOf(url: URL): Buffer[] {
  const segments = segmentsOf(url);
  const isBelowHome = segments[0] === '~';
  const names = isBelowHome ? segments.slice(1) : segments;
  return names.map((_, i) => {
    const path = names.slice(0, i).join('/');
    return bytesOfText(isBelowHome ? path || '.' : `/${path}`);
  });
}

function segmentsOf(url: URL): string[] {
  const segments = url.pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map(percentDecoded);
  if (segments.some((name) => name === '..' || name === '.' || /[/\0]/.test(name))) {
    throw new NotFoundError(url, { expected: 'names without a slash and NUL', found: 'others' });
  }
  return segments;
}

/** A name in a directory. */
export function childOf(directory: Buffer, name: Buffer): Buffer {
  const isRoot = directory.length === 1 && directory[0] === 0x2f;
  return Buffer.concat(isRoot ? [directory, name] : [directory, Buffer.from('/'), name]);
}
