/** SFTP knows a version of a file by its size, and by its time in whole seconds. */
import type { Metadata } from '../../metadata.js';
import { UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN } from '../../metadata.js';
import { isWeakEtag, type Validators } from '../../request.js';
import type { Attributes } from './attributes.js';

/** A file that was changed later than that may change once more within the same second. Clocks differ a little. */
const SETTLED_MS = 3_000;

/** What of its attributes makes a version. */
export type FileVersion = Omit<Attributes, 'mode'>;

/** In the form of an ETag, as nginx makes it of the same. Undefined: the server does not say enough. */
export function etagOf({ size, mtime }: FileVersion, nowMs = Date.now()): string | undefined {
  if (size === undefined || mtime === undefined) return undefined;
  const tag = `"${mtime.toString(16)}-${size.toString(16)}"`;
  return nowMs - mtime * 1000 < SETTLED_MS ? `W/${tag}` : tag;
}

/** What a pin says of its file, in whole; undefined: it says less. */
export function pinnedVersion(pin: Validators | undefined): FileVersion | undefined {
  const [, mtime = '', size = ''] = /^(?:w\/)?"([0-9a-f]+)-([0-9a-f]+)"$/i.exec(pin?.etag ?? '') ?? [];
  const version = {
    kind: 'file',
    size: Number.parseInt(size, 16),
    mtime: Number.parseInt(mtime, 16),
  } as const;
  return matchesPin(version, pin) && size !== '' ? version : undefined;
}

/** Whether a file may be the version that a request is pinned to. */
export function matchesPin(attributes: FileVersion, pin: Validators | undefined): boolean {
  const { size, mtime } = attributes;
  const { etag, contentLength, lastModifiedMs } = pin ?? {};
  if (contentLength !== undefined && contentLength !== size) return false;
  if (etag !== undefined && opaque(etag) !== opaque(etagOf(attributes) ?? '')) return false;
  return lastModifiedMs === undefined || mtime === undefined || Math.floor(lastModifiedMs / 1000) === mtime;
}

export function isSameVersion(a: FileVersion, b: FileVersion): boolean {
  return a.size === b.size && a.mtime === b.mtime && a.kind === b.kind;
}

export function metadataOf(attributes: Attributes): Metadata {
  const { kind, size, mtime, mode } = attributes;
  const lastModified = mtime === undefined ? UNKNOWN_LAST_MODIFIED : mtime * 1000;
  if (kind === 'directory') {
    return { kind, contentLength: UNKNOWN_SOURCE_FILE_LEN, supportRange: false, lastModified, mode };
  }
  const etag = etagOf(attributes);
  return {
    kind: 'file',
    contentLength: size ?? UNKNOWN_SOURCE_FILE_LEN,
    supportRange: true,
    lastModified,
    mode,
    ...(etag === undefined ? {} : { etag }),
    ...(etag === undefined || isWeakEtag(etag) ? { isLastModifiedWeak: true } : {}),
  };
}

/** As words for errors. */
export function shownVersion({ size, mtime }: FileVersion): string {
  return `${size ?? '?'} bytes of ${mtime === undefined ? 'an unknown time' : new Date(mtime * 1000).toISOString()}`;
}

function opaque(etag: string): string {
  return etag.replace(/^w\//i, '');
}
