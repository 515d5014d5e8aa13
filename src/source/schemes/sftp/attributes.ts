import type { PacketReader } from './packet.js';

const HAS_SIZE = 0x1;
const HAS_OWNER = 0x2;
const HAS_PERMISSIONS = 0x4;
const HAS_TIMES = 0x8;
const HAS_EXTENDED = 0x80000000;

const TYPE_MASK = 0o170000;
const PERMISSIONS_MASK = 0o7777;
const KINDS: Readonly<Record<number, FileKind>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'link',
};

/** `other`: devices, pipes and sockets. */
export type FileKind = 'file' | 'directory' | 'link' | 'other';

/** What a server says of a file. */
export interface Attributes {
  readonly kind: FileKind;
  /** Bytes. */
  readonly size: number | undefined;
  /** Seconds since the epoch. */
  readonly mtime: number | undefined;
  /** Its permission bits. */
  readonly mode: number | undefined;
}

/** ATTRS (draft-ietf-secsh-filexfer-02, 5). */
export function readAttributes(packet: PacketReader): Attributes {
  const flags = packet.uint32();
  const size = flags & HAS_SIZE ? packet.uint64() : undefined;
  if (flags & HAS_OWNER) for (let i = 0; i < 2; i += 1) packet.uint32();
  const mode = flags & HAS_PERMISSIONS ? packet.uint32() : undefined;
  let mtime: number | undefined;
  if (flags & HAS_TIMES) {
    packet.uint32();
    mtime = packet.uint32();
  }
  if (flags & HAS_EXTENDED) for (let left = 2 * packet.uint32(); left > 0; left -= 1) packet.string();
  // Nearly all servers say it; one that does not has files.
  if (mode === undefined) return { kind: 'file', size, mtime, mode };
  return { kind: KINDS[mode & TYPE_MASK] ?? 'other', size, mtime, mode: mode & PERMISSIONS_MASK };
}
