/**
 * The format of an index file. All numbers are little-endian.
 *
 *     0   magic (8), length of the JSON text (4), crc32 of these 12 bytes and the text (4)
 *     16  confirmation: milliseconds since the epoch as a double (8), check (4), unused (4)
 *     32  identity: dev, ino, size, mtimeNs, ctimeNs of the data file (8 each), check (4), unused (4)
 *     80  JSON text (index-header.ts), filled up to a multiple of 16
 *     …   records, appended: block index (4), length (4), checksum of the block (4), check (4)
 *
 * A check is the crc32 of what precedes it, begun with the header's: so nothing of another file, and no hole
 * that a power loss left, passes for a record. What fails its check is skipped, alone. The last record of a
 * block counts; length 0 says that it is not stored. The two fields that change in place lie in the first
 * sector of the file, so that they are written whole or not at all; torn ones fail their check.
 */
import { crc32 } from 'node:zlib';

import type { BlockTable } from './block-table.js';
import type { IndexHeader } from './index-header.js';
import { blockLength } from './layout.js';

export const RECORD_BYTES = 16;
/** Longer headers (of very long URLs) are not stored. */
export const MAX_HEADER_BYTES = 64 * 1024;
export const CONFIRMATION_AT = 16;
export const IDENTITY_AT = 32;

const MAGIC = 'd7yblk3\n';
const JSON_AT = 80;
/** Holds nearly every header. */
const START_BYTES = 4096;
const IDENTITY_FIELDS = 5;

/** Identifies the state of a data file: a write to it changes one of these. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export interface DecodedIndex {
  readonly header: IndexHeader;
  /** What the checks of the other parts begin with. */
  readonly seed: number;
  /** Where the first record begins. */
  readonly recordsAt: number;
  readonly confirmedAtMs: number;
  readonly fileIdentity: FileIdentity | undefined;
}

/** An index file without records. */
export interface EncodedHeader {
  readonly bytes: Buffer;
  readonly seed: number;
}

/** Undefined: the header is too long. */
export function encodeHeader(header: IndexHeader): EncodedHeader | undefined {
  const text = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.alloc(Math.ceil((JSON_AT + text.length) / RECORD_BYTES) * RECORD_BYTES);
  if (bytes.length > MAX_HEADER_BYTES) return undefined;
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(text.length, 8);
  bytes.set(text, JSON_AT);
  const seed = headerCheck(bytes, text);
  bytes.writeUInt32LE(seed, 12);
  encodeConfirmation(header.createdAtMs, seed).copy(bytes, CONFIRMATION_AT);
  return { bytes, seed };
}

/** `bytes` is the start of the file, at least its header. */
export function decodeHeader(bytes: Buffer): DecodedIndex | undefined {
  const text = headerText(bytes);
  if (text === undefined) return undefined;
  const seed = bytes.readUInt32LE(12);
  if (headerCheck(bytes, text) !== seed) return undefined;
  // Its check fits: it is what was encoded. Another form of it gets another magic.
  const header = JSON.parse(text.toString()) as IndexHeader;
  const recordsAt = Math.ceil((JSON_AT + text.length) / RECORD_BYTES) * RECORD_BYTES;
  const confirmedAtMs = decodeConfirmation(bytes, seed) ?? header.createdAtMs;
  return { header, seed, recordsAt, confirmedAtMs, fileIdentity: decodeIdentity(bytes, seed) };
}

/** `read` returns so many bytes of the start of the file, or all of it. Undefined: not an index file, or a damaged one. */
export async function readHeader(
  read: (bytes: number) => Promise<Buffer>,
): Promise<DecodedIndex | undefined> {
  const start = await read(START_BYTES);
  const needed = headerLength(start) ?? 0;
  return decodeHeader(needed <= start.length ? start : await read(needed));
}

/** The bytes to read to have the whole header; undefined if this is not the start of an index file. */
function headerLength(start: Buffer): number | undefined {
  if (start.length < JSON_AT || start.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const bytes = JSON_AT + start.readUInt32LE(8);
  return bytes <= MAX_HEADER_BYTES ? bytes : undefined;
}

function headerText(bytes: Buffer): Buffer | undefined {
  const end = headerLength(bytes);
  return end === undefined || bytes.length < end ? undefined : bytes.subarray(JSON_AT, end);
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
  bytes.writeUInt32LE(crc32(bytes.subarray(0, IDENTITY_FIELDS * 8), seed), IDENTITY_FIELDS * 8);
  return bytes;
}

function decodeIdentity(index: Buffer, seed: number): FileIdentity | undefined {
  const bytes = index.subarray(IDENTITY_AT, JSON_AT);
  const check = bytes.readUInt32LE(IDENTITY_FIELDS * 8);
  const [dev, ino, size, mtimeNs, ctimeNs] = [0, 8, 16, 24, 32].map((at) => bytes.readBigUInt64LE(at));
  if (crc32(bytes.subarray(0, IDENTITY_FIELDS * 8), seed) !== check || ino === undefined || ino === 0n) {
    return undefined;
  }
  return { dev: dev ?? 0n, ino, size: size ?? 0n, mtimeNs: mtimeNs ?? 0n, ctimeNs: ctimeNs ?? 0n };
}

export function sameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return (
    a.dev === b.dev &&
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}

/** `length` 0: the block is not stored. */
export interface BlockRecord {
  readonly index: number;
  readonly length: number;
  readonly checksum: number;
}

export function encodeRecords(records: readonly BlockRecord[], seed: number): Buffer {
  const bytes = Buffer.alloc(records.length * RECORD_BYTES);
  for (const [position, { index, length, checksum }] of records.entries()) {
    const at = position * RECORD_BYTES;
    bytes.writeUInt32LE(index, at);
    bytes.writeUInt32LE(length, at + 4);
    bytes.writeUInt32LE(checksum, at + 8);
    bytes.writeUInt32LE(recordCheck(bytes, at, seed), at + 12);
  }
  return bytes;
}

/** Of the record that begins at `at`. */
function recordCheck(bytes: Buffer, at: number, seed: number): number {
  return crc32(bytes.subarray(at, at + 12), seed);
}

/** Where the last whole record before `end` ends: a torn one is overwritten. `at` is where a record begins. */
export function recordsEnd(at: number, end: number): number {
  return end - ((end - at) % RECORD_BYTES);
}

/** Enters the records that can be trusted into the table. `bytes` begins at a record; a torn last one is skipped. */
export function applyRecords(bytes: Buffer, seed: number, table: BlockTable): void {
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const index = bytes.readUInt32LE(at);
    const length = bytes.readUInt32LE(at + 4);
    const checksum = bytes.readUInt32LE(at + 8);
    if (recordCheck(bytes, at, seed) !== bytes.readUInt32LE(at + 12)) continue;
    if (index >= table.span.blockCount) continue;
    if (length === 0) table.forget(index);
    else if (length === blockLength(table.span, index)) table.store(index, checksum);
  }
}
