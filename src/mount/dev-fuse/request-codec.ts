/**
 * Requests as the kernel writes them (include/uapi/linux/fuse.h): pure functions over buffers. All numbers
 * are little endian on every machine that Node runs on under Linux, except s390x, which is not supported.
 * 64-bit numbers that are counters or our own (unique, node, handle) stay below 2^53.
 */
import { textOfBytes } from '../../source/index.js';
import { REQUEST_HEADER_BYTES } from './protocol.js';

/** Bit 63 of `unique`, in its upper half. */
const RESEND_BIT = 0x8000_0000;

/** The kernel sent something that cannot be a request; the reply is EIO. */
export class MalformedRequestError extends Error {
  override readonly name = 'MalformedRequestError';
  readonly code = 'MALFORMED_REQUEST';
}

/** `fuse_in_header`, and what follows it. */
export interface FuseRequest {
  readonly opcode: number;
  readonly unique: number;
  /** The kernel sends it once more: another process has read it, and not answered (FUSE_UNIQUE_RESEND). */
  readonly isResent: boolean;
  readonly nodeId: number;
  readonly uid: number;
  /** The caller's thread; 0 for one of another pid namespace. */
  readonly pid: number;
  readonly body: Buffer;
}

/** `bytes` is what one read of the device returned. Undefined when not even the header is whole. */
export function decodeRequest(bytes: Buffer): FuseRequest | undefined {
  if (bytes.length < REQUEST_HEADER_BYTES) return undefined;
  const length = bytes.readUInt32LE(0);
  const body = bytes.subarray(REQUEST_HEADER_BYTES, Math.min(length, bytes.length));
  return {
    opcode: bytes.readUInt32LE(4),
    unique: readUnique(bytes, 8),
    isResent: bytes.readUInt32LE(12) >= RESEND_BIT,
    nodeId: readU64(bytes, 16),
    uid: bytes.readUInt32LE(24),
    pid: bytes.readUInt32LE(32),
    body,
  };
}

export interface InitIn {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
}

/** `fuse_init_in`; `flags2` is there since 7.36. */
export function decodeInit(body: Buffer): InitIn {
  need(body, 16);
  return {
    major: body.readUInt32LE(0),
    minor: body.readUInt32LE(4),
    maxReadahead: body.readUInt32LE(8),
    flags: body.readUInt32LE(12),
    flags2: body.length >= 20 ? body.readUInt32LE(16) : 0,
  };
}

/** A name that ends with NUL, as in LOOKUP. */
export function decodeName(body: Buffer): string {
  const end = body.indexOf(0);
  if (end <= 0) throw new MalformedRequestError('a name is empty or has no end');
  return textOfBytes(body, end);
}

/** `fuse_read_in`, for READ, READDIR and READDIRPLUS. */
export function decodeRead(body: Buffer): { handle: number; offset: number; size: number } {
  need(body, 20);
  return { handle: readU64(body, 0), offset: readU64(body, 8), size: body.readUInt32LE(16) };
}

/** `fuse_access_in`: the mode of access(2). `fuse_open_in`: the flags of open(2). */
export function decodeFlags(body: Buffer): number {
  need(body, 4);
  return body.readUInt32LE(0);
}

/** `fuse_release_in` and `fuse_flush_in`. */
export function decodeHandle(body: Buffer): { handle: number } {
  need(body, 8);
  return { handle: readU64(body, 0) };
}

/** `fuse_getxattr_in`, for LISTXATTR. */
export function decodeXattrSize(body: Buffer): number {
  need(body, 8);
  return body.readUInt32LE(0);
}

/** `fuse_getxattr_in` and the name, for GETXATTR. */
export function decodeGetxattr(body: Buffer): { size: number; name: string } {
  return { size: decodeXattrSize(body), name: decodeName(body.subarray(8)) };
}

/** `fuse_interrupt_in`: the request to give up. */
export function decodeInterrupt(body: Buffer): number {
  need(body, 8);
  return readUnique(body, 0);
}

export interface Forget {
  readonly nodeId: number;
  readonly lookups: number;
}

/** `fuse_forget_in`. */
export function decodeForget(nodeId: number, body: Buffer): Forget {
  need(body, 8);
  return { nodeId, lookups: readU64(body, 0) };
}

/** `fuse_batch_forget_in`. */
export function decodeBatchForget(body: Buffer): Forget[] {
  need(body, 8);
  const count = body.readUInt32LE(0);
  need(body, 8 + count * 16);
  return Array.from({ length: count }, (_, i) => ({
    nodeId: readU64(body, 8 + i * 16),
    lookups: readU64(body, 16 + i * 16),
  }));
}

function need(body: Buffer, bytes: number): void {
  if (body.length < bytes) {
    throw new MalformedRequestError(`a request has ${body.length} bytes where ${bytes} are needed`);
  }
}

/** The number of a request, without the bit that says that it is sent once more. */
function readUnique(bytes: Buffer, offset: number): number {
  const high = bytes.readUInt32LE(offset + 4);
  return bytes.readUInt32LE(offset) + (high % RESEND_BIT) * 0x1_0000_0000;
}

function readU64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 0x1_0000_0000;
}
