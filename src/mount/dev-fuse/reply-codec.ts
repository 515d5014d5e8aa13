/** Answers as the kernel reads them (include/uapi/linux/fuse.h): pure functions that return buffers. */
import type { Attr } from '../attr.js';
import { REPLY_HEADER_BYTES } from './protocol.js';

const ATTR_BYTES = 88;
export const ENTRY_BYTES = 40 + ATTR_BYTES;
const BLOCK_BYTES = 4096;
/** Told of files whose length is unknown: programs read them by so much, past the page cache. */
const UNCACHED_BLOCK_BYTES = 128 * 1024;

/** `fuse_out_header`. `errno` is positive, 0 for success; `payloadBytes` follow. */
export function encodeHeader(unique: number, errno: number, payloadBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(REPLY_HEADER_BYTES);
  bytes.writeUInt32LE(REPLY_HEADER_BYTES + payloadBytes, 0);
  bytes.writeInt32LE(-errno, 4);
  writeU64(bytes, unique, 8);
  return bytes;
}

export interface InitOut {
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
  readonly maxBackground: number;
  readonly congestionThreshold: number;
  readonly maxWrite: number;
  readonly maxPages: number;
  readonly maxStackDepth: number;
}

/** `fuse_init_out`. */
export function encodeInit(init: InitOut): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(7, 0);
  bytes.writeUInt32LE(init.minor, 4);
  bytes.writeUInt32LE(init.maxReadahead, 8);
  bytes.writeUInt32LE(init.flags, 12);
  bytes.writeUInt16LE(init.maxBackground, 16);
  bytes.writeUInt16LE(init.congestionThreshold, 18);
  bytes.writeUInt32LE(init.maxWrite, 20);
  bytes.writeUInt32LE(1, 24); // Times are exact to the nanosecond.
  bytes.writeUInt16LE(init.maxPages, 28);
  bytes.writeUInt32LE(init.flags2, 32);
  bytes.writeUInt32LE(init.maxStackDepth, 36);
  return bytes;
}

/** What an answer to LOOKUP says. */
export interface EntryOut {
  readonly nodeId: number;
  readonly attr: Attr;
  readonly ttlMs: number;
}

/** `fuse_entry_out`. */
export function encodeEntry(entry: EntryOut): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  writeEntry(bytes, 0, entry);
  return bytes;
}

/** `fuse_attr_out`. */
export function encodeAttr(attr: Attr, ttlMs: number): Buffer {
  const bytes = Buffer.alloc(16 + ATTR_BYTES);
  writeU64(bytes, Math.floor(ttlMs / 1000), 0);
  bytes.writeUInt32LE((ttlMs % 1000) * 1_000_000, 8);
  writeAttr(bytes, 16, attr);
  return bytes;
}

/** `fuse_open_out`. */
export function encodeOpen(handle: number, flags: number, backingId = 0): Buffer {
  const bytes = Buffer.alloc(16);
  writeU64(bytes, handle, 0);
  bytes.writeUInt32LE(flags, 8);
  bytes.writeInt32LE(backingId, 12);
  return bytes;
}

/** `fuse_statfs_out`: a file system without blocks of its own. */
export function encodeStatfs(nameMaxBytes: number): Buffer {
  const bytes = Buffer.alloc(80);
  bytes.writeUInt32LE(BLOCK_BYTES, 40);
  bytes.writeUInt32LE(nameMaxBytes, 44);
  bytes.writeUInt32LE(BLOCK_BYTES, 48);
  return bytes;
}

/** `fuse_getxattr_out`: how large the value is. */
export function encodeXattrSize(bytes: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt32LE(bytes, 0);
  return out;
}

/** `fuse_notify_inval_inode_out`: attributes, and pages from `offset` on (negative: attributes alone). */
export function encodeInvalInode(nodeId: number, offset: number): Buffer {
  const bytes = Buffer.alloc(24);
  writeU64(bytes, nodeId, 0);
  bytes.writeBigInt64LE(BigInt(offset), 8);
  return bytes;
}

/** `fuse_notify_inval_entry_out`, and the name. */
export function encodeInvalEntry(parentId: number, name: string): Buffer {
  const text = Buffer.from(`${name}\0`);
  const bytes = Buffer.alloc(16);
  writeU64(bytes, parentId, 0);
  bytes.writeUInt32LE(text.length - 1, 8);
  return Buffer.concat([bytes, text]);
}

/** `fuse_entry_out` at a place of a larger answer. */
export function writeEntry(bytes: Buffer, at: number, { nodeId, attr, ttlMs }: EntryOut): void {
  const seconds = Math.floor(ttlMs / 1000);
  const nanoseconds = Math.floor((ttlMs % 1000) * 1_000_000);
  writeU64(bytes, nodeId, at);
  writeU64(bytes, 0, at + 8); // Generation: numbers of nodes are never used again.
  writeU64(bytes, seconds, at + 16);
  writeU64(bytes, seconds, at + 24);
  bytes.writeUInt32LE(nanoseconds, at + 32);
  bytes.writeUInt32LE(nanoseconds, at + 36);
  writeAttr(bytes, at + 40, attr);
}

/** `fuse_attr`. */
function writeAttr(bytes: Buffer, at: number, attr: Attr): void {
  const mtimeMs = Math.max(0, attr.mtimeMs);
  const seconds = Math.floor(mtimeMs / 1000);
  const nanoseconds = Math.floor((mtimeMs % 1000) * 1_000_000);
  writeU64(bytes, attr.ino, at);
  writeU64(bytes, attr.size, at + 8);
  writeU64(bytes, Math.ceil(attr.size / 512), at + 16);
  for (const time of [24, 32, 40]) writeU64(bytes, seconds, at + time);
  for (const time of [48, 52, 56]) bytes.writeUInt32LE(nanoseconds, at + time);
  bytes.writeUInt32LE(attr.mode, at + 60);
  bytes.writeUInt32LE(attr.nlink, at + 64);
  bytes.writeUInt32LE(attr.uid, at + 68);
  bytes.writeUInt32LE(attr.gid, at + 72);
  bytes.writeUInt32LE(attr.size === 0 ? UNCACHED_BLOCK_BYTES : BLOCK_BYTES, at + 80);
}

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}
