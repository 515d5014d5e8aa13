/**
 * The format of an index file. All numbers are little-endian.
 *
 *     0   magic (8), length of the JSON text (4), crc32 of these 12 bytes and the text (4)
 *     16  confirmation: milliseconds since the epoch as a double (8), check (4), unused (4)
 *     32  identity: dev, ino, size, mtimeNs, ctimeNs of the data file (8 each), check (4), unused (4)
 *     80  JSON text (`IndexHeader`), filled up to a multiple of 8
 *     …   one record for each block of the version: its checksum (4), check (4). Zeros, or the end of the file: not stored
 *
 * Each check begins with the header's, so that nothing of another file passes; that of a record depends on the number of its
 * block, too. What fails its check is not there, alone. So torn writes, holes that a power loss left and a file that was cut
 * lose records, and never make one.
 */
import { crc32 } from 'node:zlib';

import type { StoredFacts } from './disk-cache.js';
import type { Geometry } from './geometry.js';
import type { BlockTable } from './block-table.js';

export const RECORD_BYTES = 8;
/** What has a longer header is not stored: a path has 4 KiB as a rule, at most thrice that as a URL. */
export const MAX_HEADER_BYTES = 16 * 1024;
export const CONFIRMATION_AT = 16;
export const IDENTITY_AT = 32;

const MAGIC = 'd7yblk4\n';
const JSON_AT = 80;

/** It names the version that the file belongs to, and how that is cut into blocks. */
export interface IndexHeader {
  readonly url: string;
  readonly facts: StoredFacts;
  readonly blockBytes: number;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
}

/** Identifies the state of a data file: a write to it changes one of these. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** Where the records begin, and what the checks of the other parts begin with. */
export interface IndexStart {
  readonly recordsAt: number;
  readonly seed: number;
}

export interface DecodedIndex extends IndexStart {
  readonly header: IndexHeader;
  readonly confirmedAtMs: number;
  readonly fileIdentity: FileIdentity | undefined;
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
  encodeConfirmation(header.createdAtMs, seed).copy(bytes, CONFIRMATION_AT);
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
  // Its check fits: it is what was encoded. Another form of it gets another magic.
  const header = JSON.parse(text.toString()) as IndexHeader;
  return {
    header,
    seed,
    recordsAt: Math.ceil(end / RECORD_BYTES) * RECORD_BYTES,
    confirmedAtMs: decodeConfirmation(bytes, seed) ?? header.createdAtMs,
    fileIdentity: decodeIdentity(bytes, seed),
  };
}

function headerCheck(bytes: Buffer, text: Buffer): number {
  return crc32(text, crc32(bytes.subarray(0, 12)));
}

export function encodeConfirmation(confirmedAtMs: number, seed: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeDoubleLE(confirmedAtMs, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 8), seed), 8);
  return bytes;
}

function decodeConfirmation(index: Buffer, seed: number): number | undefined {
  const bytes = index.subarray(CONFIRMATION_AT, IDENTITY_AT);
  return crc32(bytes.subarray(0, 8), seed) === bytes.readUInt32LE(8) ? bytes.readDoubleLE(0) : undefined;
}

/** Undefined clears it. */
export function encodeIdentity(fileIdentity: FileIdentity | undefined, seed: number): Buffer {
  const bytes = Buffer.alloc(JSON_AT - IDENTITY_AT);
  if (fileIdentity === undefined) return bytes;
  const { dev, ino, size, mtimeNs, ctimeNs } = fileIdentity;
  for (const [field, value] of [dev, ino, size, mtimeNs, ctimeNs].entries()) {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, value), field * 8);
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 40), seed), 40);
  return bytes;
}

function decodeIdentity(index: Buffer, seed: number): FileIdentity | undefined {
  const bytes = index.subarray(IDENTITY_AT, JSON_AT);
  const [dev = 0n, ino = 0n, size = 0n, mtimeNs = 0n, ctimeNs = 0n] = [0, 8, 16, 24, 32].map((at) =>
    bytes.readBigUInt64LE(at),
  );
  const isRight = ino !== 0n && crc32(bytes.subarray(0, 40), seed) === bytes.readUInt32LE(40);
  return isRight ? { dev, ino, size, mtimeNs, ctimeNs } : undefined;
}

export function sameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  const isSameFile = a.dev === b.dev && a.ino === b.ino;
  return isSameFile && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
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
