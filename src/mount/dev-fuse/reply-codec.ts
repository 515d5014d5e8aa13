/** Answers as the kernel reads them (include/uapi/linux/fuse.h): pure functions that return buffers. */
import { bytesOfText } from '../../source/index.js';
import type { Attr } from '../attr.js';
import type { Entry } from '../entry.js';
import { REPLY_HEADER_BYTES } from './protocol.js';

const ATTR_BYTES = 88;
export const ENTRY_BYTES = 40 + ATTR_BYTES;
const BLOCK_BYTES = 4096;
/** Reported for files of unknown length: programs read them by so much, past the page cache. */
const UNCACHED_BLOCK_BYTES = 128 * 1024;

/** `fuse_out_header`. `errno` is positive, 0 for success; `payloadBytes` follow. `isResent`: as in the request. */
export function encodeHeader(unique: number, errno: number, payloadBytes: number, isResent = false): Buffer {
  const bytes = Buffer.allocUnsafe(REPLY_HEADER_BYTES);
  bytes.writeUInt32LE(REPLY_HEADER_BYTES + payloadBytes, 0);
  bytes.writeInt32LE(-errno, 4);
  writeU64(bytes, unique, 8);
  if (isResent) bytes.writeUInt8(bytes.readUInt8(15) | 0x80, 15);
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

/** An entry without its node, which the kernel knows by a number. */
export type EntryOut = Omit<Entry, 'node'>;

/** `fuse_entry_out`. */
export function encodeEntry(nodeId: number, entry: EntryOut): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  writeEntry(wordsOf(bytes), 0, nodeId, entry);
  return bytes;
}

/** `fuse_entry_out` of a name that does not exist: ENOENT, but remembered. */
export function encodeMissing(ttlMs: number): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  writeU64(bytes, Math.floor(ttlMs / 1000), 16);
  bytes.writeUInt32LE(Math.floor((ttlMs % 1000) * 1_000_000), 32);
  return bytes;
}

/** `fuse_attr_out`. */
export function encodeAttr(attr: Attr, ttlMs: number): Buffer {
  const bytes = Buffer.alloc(16 + ATTR_BYTES);
  writeU64(bytes, Math.floor(ttlMs / 1000), 0);
  bytes.writeUInt32LE((ttlMs % 1000) * 1_000_000, 8);
  writeAttr(wordsOf(bytes), 4, attr);
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

/** `fuse_notify_store_out`; `size` bytes of content follow. */
export function encodeStore(nodeId: number, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(24);
  writeU64(bytes, nodeId, 0);
  writeU64(bytes, offset, 8);
  bytes.writeUInt32LE(size, 16);
  return bytes;
}

/** `fuse_notify_inval_entry_out`, and the name. */
export function encodeInvalEntry(parentId: number, name: string): Buffer {
  const text = bytesOfText(`${name}\0`);
  const bytes = Buffer.alloc(16);
  writeU64(bytes, parentId, 0);
  bytes.writeUInt32LE(text.length - 1, 8);
  return Buffer.concat([bytes, text]);
}

/** `fuse_notify_prune_out`, and the nodes: the kernel forgets those that are not in use. */
export function encodePrune(nodeIds: readonly number[]): Buffer {
  const bytes = Buffer.alloc(16 + 8 * nodeIds.length);
  bytes.writeUInt32LE(nodeIds.length, 0);
  for (const [i, id] of nodeIds.entries()) writeU64(bytes, id, 16 + 8 * i);
  return bytes;
}

/** `fuse_entry_out`, from the word `at` on. */
export function writeEntry(words: Uint32Array, at: number, nodeId: number, entry: EntryOut): void {
  const { attr, nameTtlMs, attrTtlMs } = entry;
  writeLong(words, at, nodeId);
  writeLong(words, at + 2, 0); // Generation: numbers of nodes are never used again.
  writeLong(words, at + 4, Math.floor(nameTtlMs / 1000));
  writeLong(words, at + 6, Math.floor(attrTtlMs / 1000));
  words[at + 8] = Math.floor((nameTtlMs % 1000) * 1_000_000);
  words[at + 9] = Math.floor((attrTtlMs % 1000) * 1_000_000);
  writeAttr(words, at + 10, attr);
}

/** `fuse_attr`. */
function writeAttr(words: Uint32Array, at: number, attr: Attr): void {
  const mtimeMs = Math.max(0, attr.mtimeMs);
  const seconds = Math.floor(mtimeMs / 1000);
  const nanoseconds = Math.floor((mtimeMs % 1000) * 1_000_000);
  writeLong(words, at, attr.ino);
  writeLong(words, at + 2, attr.size);
  writeLong(words, at + 4, Math.ceil(attr.size / 512));
  writeLong(words, at + 6, seconds);
  writeLong(words, at + 8, seconds);
  writeLong(words, at + 10, seconds);
  words[at + 12] = nanoseconds;
  words[at + 13] = nanoseconds;
  words[at + 14] = nanoseconds;
  words[at + 15] = attr.mode;
  words[at + 16] = attr.nlink;
  words[at + 17] = attr.uid;
  words[at + 18] = attr.gid;
  words[at + 19] = 0;
  words[at + 20] = attr.size === 0 ? UNCACHED_BLOCK_BYTES : BLOCK_BYTES;
  words[at + 21] = 0;
}

/** A number of 64 bits. */
export function writeLong(words: Uint32Array, at: number, value: number): void {
  // What is written is taken modulo 2^32.
  words[at] = value;
  words[at + 1] = value <= 0xffff_ffff ? 0 : Math.floor(value / 0x1_0000_0000);
}

/** Many numbers are written much faster as words than through the methods of a buffer. */
export function wordsOf(bytes: Buffer): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
}

function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}
