import { ProtocolError } from '../../errors.js';

/** `FileStatus` of WebHDFS: what a name node says of a file. */
export interface FileStatus {
  /** `pathSuffix`: below the directory that is listed; empty: what was queried itself. */
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly sizeBytes: number;
  readonly modifiedMs: number | undefined;
  readonly mode: number | undefined;
  /** What was read of it is of the version with this tag, if it is still that of the file. */
  readonly etag: string;
}

const KINDS: Readonly<Record<string, FileStatus['kind']>> = {
  FILE: 'file',
  DIRECTORY: 'directory',
  SYMLINK: 'symlink',
};

/** `url`: for the error. */
export function fileStatusOf(value: unknown, url: URL): FileStatus {
  const { pathSuffix, type, length, modificationTime, fileId, permission } = (value ?? {}) as Readonly<
    Record<string, unknown>
  >;
  const kind = typeof type === 'string' && Object.hasOwn(KINDS, type) ? KINDS[type] : undefined;
  if (kind === undefined || typeof pathSuffix !== 'string' || !isCount(length)) {
    throw new ProtocolError('the name node answers otherwise than it documents', url, {
      expected: 'a FileStatus with pathSuffix, type and length',
      found: 'something else',
    });
  }
  const modifiedMs = isCount(modificationTime) ? modificationTime : undefined;
  return {
    name: pathSuffix,
    kind,
    sizeBytes: length,
    modifiedMs,
    mode: isMode(permission) ? Number.parseInt(permission, 8) : undefined,
    // A file that replaces another has an id of its own; HttpFS before Hadoop 3.2 gives none.
    etag: `"${isCount(fileId) ? fileId : 0}-${modifiedMs ?? 0}-${length}"`,
  };
}

/** The length in a tag of `fileStatusOf`; undefined: it is another tag. */
export function sizeInEtag(etag: string): number | undefined {
  const length = /^"\d{1,16}-\d{1,16}-(\d{1,16})"$/.exec(etag)?.[1];
  return length === undefined ? undefined : Number(length);
}

/** Octal: `644`, with a sticky bit `1777`. */
function isMode(value: unknown): value is string {
  return typeof value === 'string' && /^[0-7]{1,4}$/.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
