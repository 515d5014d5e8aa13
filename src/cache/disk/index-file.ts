/**
 * The format of an index file. All numbers are little-endian.
 *
 *     0   magic (8), length of the JSON text (4), crc32 of these 12 bytes and the text (4)
 *     16  identity of the data file when all of it was right (16): see `stateOf`. Zeros: it was not, or is not known to be
 *     32  JSON text (`IndexHeader`), filled up to a multiple of 8
 *     …   one record for each block of the version: its checksum (4), check (4). Zeros, or the end of the file: not stored
 *
 * The check of a record begins with that of the header, so that nothing of another file passes, and depends on the number of its
 * block. What fails its check is not there, alone. So torn writes, holes that a power loss left and a file that was cut
 * lose records, and never make one.
 *
 * The modification time is when the source last had this version: when it was asked, or blocks came. The access time is
 * when the entry was used last.
 */
import { hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { crc32 } from 'node:zlib';

import type { StoredFacts } from './disk-cache.js';
import type { Geometry } from './geometry.js';
import type { BlockTable } from './block-table.js';

export const RECORD_BYTES = 8;
/** What has a longer header is not stored: a path has 4 KiB as a rule, at most thrice that as a URL. */
export const MAX_HEADER_BYTES = 16 * 1024;
export const IDENTITY_AT = 16;

/** Of another form of it, too, which is then of no use, and goes in its turn. */
const MAGIC = 'd7yblk5\n';
const JSON_AT = 32;
const IDENTITY_BYTES = JSON_AT - IDENTITY_AT;

/** It names the version that the file belongs to, and how that is cut into blocks. */
export interface IndexHeader {
  readonly url: string;
  readonly facts: StoredFacts;
  readonly blockBytes: number;
}

export interface FileState {
  readonly sizeBytes: number;
  /** Of a file in this state alone: a write to it changes its ctime. Hex digits. */
  readonly identity: string;
}

export function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileState {
  const digest = hash('sha256', `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`, 'hex');
  return { sizeBytes: Number(size), identity: digest.slice(0, 2 * IDENTITY_BYTES) };
}

/** Where the records begin, and what their checks begin with. */
export interface IndexStart {
  readonly recordsAt: number;
  readonly seed: number;
}

export interface DecodedIndex extends IndexStart {
  readonly header: IndexHeader;
  readonly identity: string | undefined;
}

/** An index file without records. Undefined: the header is too long. */
export function encodeHeader(header: IndexHeader): (IndexStart & { readonly bytes: Buffer }) | undefined {
  const text = Buffer.from(JSON.stringify(header));
  const recordsAt = Math.ceil((JSON_AT + text.length) / RECORD_BYTES) * RECORD_BYTES;
  if (recordsAt > MAX_HEADER_BYTES) return undefined;
  const bytes = Buffer.alloc(recordsAt);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(text.length, 8);
  bytes.set(text, JSON_AT);
  const seed = headerCheck(bytes, text);
  bytes.writeUInt32LE(seed, 12);
  return { bytes, recordsAt, seed };
}

/** `bytes` is the start of the file, `MAX_HEADER_BYTES` of it if it is so long. Undefined: not an index file, or a damaged one. */
export function decodeHeader(bytes: Buffer): DecodedIndex | undefined {
  if (bytes.length < JSON_AT || bytes.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const end = JSON_AT + bytes.readUInt32LE(8);
  if (bytes.length < end) return undefined;
  const text = bytes.subarray(JSON_AT, end);
  const seed = bytes.readUInt32LE(12);
  if (headerCheck(bytes, text) !== seed) return undefined;
  const identity = bytes.toString('hex', IDENTITY_AT, JSON_AT);
  // Its check fits: it is what was encoded. Another form of it gets another magic.
  const header = JSON.parse(text.toString()) as IndexHeader;
  return {
    header,
    seed,
    recordsAt: Math.ceil(end / RECORD_BYTES) * RECORD_BYTES,
    identity: /^0+$/.test(identity) ? undefined : identity,
  };
}

function headerCheck(bytes: Buffer, text: Buffer): number {
  return crc32(text, crc32(bytes.subarray(0, 12)));
}

/** Undefined clears it. */
export function encodeIdentity(identity: string | undefined): Buffer {
  return identity === undefined ? Buffer.alloc(IDENTITY_BYTES) : Buffer.from(identity, 'hex');
}

/** The records of adjacent blocks. */
export function encodeRecords(first: number, checksums: readonly number[], seed: number): Buffer {
  const bytes = Buffer.alloc(checksums.length * RECORD_BYTES);
  for (const [offset, checksum] of checksums.entries()) {
    bytes.writeUInt32LE(checksum, offset * RECORD_BYTES);
    bytes.writeUInt32LE(recordCheck(first + offset, checksum, seed), offset * RECORD_BYTES + 4);
  }
  return bytes;
}

/** The last step of MurmurHash3, which maps 32 bits one to one: no flipped bit of a record goes unnoticed. */
function recordCheck(index: number, checksum: number, seed: number): number {
  let mixed = checksum ^ (Math.imul(index + 1, 0x9e3779b1) + seed);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Enters the records that can be trusted into the table; `bytes` begins at that of the block `first`. */
export function applyRecords(
  bytes: Buffer,
  first: number,
  seed: number,
  table: BlockTable,
  { blockCount }: Geometry,
): void {
  const count = Math.min(Math.floor(bytes.length / RECORD_BYTES), blockCount - first);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let offset = 0; offset < count; offset += 1) {
    const check = view.getUint32(offset * RECORD_BYTES + 4, true);
    if (check === 0) continue;
    const checksum = view.getUint32(offset * RECORD_BYTES, true);
    if (check === recordCheck(first + offset, checksum, seed)) table.store(first + offset, checksum);
  }
}
