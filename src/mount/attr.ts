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
  /** Permission bits to take away. */
  readonly umask: number;
}

export function makeAttr(
  kind: Attr['kind'],
  ino: number,
  size: number,
  mtimeMs: number,
  { uid, gid, umask }: Ownership,
): Attr {
  const mode =
    kind === 'directory' ? constants.S_IFDIR | (0o555 & ~umask) : constants.S_IFREG | (0o444 & ~umask);
  // 1: unknown. 2 would say that a directory has no subdirectories, and fts(3) would not look for any.
  return { ino, kind, size, mtimeMs, mode, nlink: 1, uid, gid };
}
