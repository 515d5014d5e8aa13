import { constants } from 'node:fs';

/** The attributes of a node, in the terms of stat(2). Times are in milliseconds since the epoch. */
export interface Attr {
  readonly ino: number;
  readonly kind: 'directory' | 'file';
  /** Bytes; 0 while unknown. */
  readonly size: number;
  readonly mtimeMs: number;
  /** Type and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Of --umask: permission bits to take away, and who may read is for the mount to say. Undefined: it is for the source. */
  readonly umask: number | undefined;
}

export function makeAttr(
  kind: Attr['kind'],
  ino: number,
  size: number,
  mtimeMs: number,
  { uid, gid, umask }: Ownership,
  permissions?: number,
): Attr {
  const type = kind === 'directory' ? constants.S_IFDIR : constants.S_IFREG;
  const mode = type | shownBits(kind, permissions, umask);
  // 1: unknown. 2 would say that a directory has no subdirectories, and fts(3) would not look for any.
  return { ino, kind, size, mtimeMs, mode, nlink: 1, uid, gid };
}

/** The permission bits that are shown (docs/SEMANTICS.md, S28 and S169). `permissions`: see `SavedVersion`. */
function shownBits(kind: Attr['kind'], permissions: number | undefined, umask: number | undefined): number {
  const mayExecute = kind === 'directory' || ((permissions ?? 0) & 0o111) !== 0;
  const all = mayExecute ? 0o555 : 0o444;
  if (umask !== undefined) return all & ~umask;
  if (permissions === undefined) return all;
  // The owner stands for the login, which may be its owner at the source, one of its group, or another.
  return (all & 0o700) | (all & permissions);
}
