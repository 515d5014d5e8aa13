import type { ContentDigest, UrlEntry } from '../../source/index.js';
import { permissionsOf } from '../permissions.js';
import type { ListedEntry } from '../resource-cache.js';

/**
 * An entry of a listing in bytes: flags, the name, and what else it has. A file with an ETag takes some 70 bytes so, and 400 as
 * objects.
 */
const KIND_MASK = 3;
const [DIRECTORY, FILE, UNKNOWN_FILE] = [0, 1, 2];
const [HAS_TIME, HAS_OTHER_TIME, HAS_ETAG, HAS_DIGEST, HAS_PERMISSIONS] = [4, 8, 16, 32, 64];

const SECOND_MS = 1000;
const MAX_NUMBER_BYTES = 8;
const DOUBLE_BYTES = 8;
const ALGORITHMS: readonly ContentDigest['algorithm'][] = ['sha256', 'md5', 'crc32c', 'crc64nvme', 'crc64xz'];

/** At most so many bytes are written. */
export function recordLimit({ name, etag = '', digest }: UrlEntry): number {
  const chars = name.length + etag.length + (digest?.hex.length ?? 0);
  return 2 + 2 * chars + 7 * MAX_NUMBER_BYTES + DOUBLE_BYTES;
}

/** Returns where the record ends. */
export function writeRecord(bytes: Buffer, start: number, entry: UrlEntry): number {
  const { name, isDir, size, lastModified, lastModifiedPrecisionMs = SECOND_MS, etag, digest, mode } = entry;
  let flags = isDir ? DIRECTORY : isCount(size) ? FILE : UNKNOWN_FILE;
  let at = writeText(bytes, start + 1, name);
  const permissions = permissionsOf(mode);
  if (flags !== UNKNOWN_FILE && permissions !== undefined) {
    flags |= HAS_PERMISSIONS;
    at = writeNumber(bytes, at, permissions);
  }
  if (flags !== UNKNOWN_FILE && lastModified !== undefined) {
    // A read answers no finer time.
    const timeMs = lastModified - (lastModified % lastModifiedPrecisionMs);
    if (lastModifiedPrecisionMs === SECOND_MS && isCount(timeMs)) {
      flags |= HAS_TIME;
      at = writeNumber(bytes, at, timeMs / SECOND_MS);
    } else {
      flags |= HAS_OTHER_TIME;
      at = bytes.writeDoubleLE(timeMs, at);
      at = bytes.writeDoubleLE(lastModifiedPrecisionMs, at);
    }
  }
  if ((flags & KIND_MASK) === FILE && isCount(size)) {
    at = writeNumber(bytes, at, size);
    if (etag !== undefined) {
      flags |= HAS_ETAG;
      at = writeText(bytes, at, etag);
    }
    const algorithm = digest === undefined ? -1 : ALGORITHMS.indexOf(digest.algorithm);
    if (digest !== undefined && algorithm !== -1) {
      flags |= HAS_DIGEST;
      at = writeNumber(bytes, at, algorithm);
      at = writeText(bytes, at, digest.hex);
    }
  }
  bytes[start] = flags;
  return at;
}

/** Where a record lies. */
export interface EntryRecord {
  readonly bytes: Buffer;
  readonly start: number;
}

export function isDirectoryRecord({ bytes, start }: EntryRecord): boolean {
  return (byteAt(bytes, start) & KIND_MASK) === DIRECTORY;
}

export function nameIn({ bytes, start }: EntryRecord): string {
  return new RecordReader(bytes, start + 1).text();
}

export function entryIn({ bytes, start }: EntryRecord): ListedEntry {
  const flags = byteAt(bytes, start);
  const reader = new RecordReader(bytes, start + 1);
  const segment = reader.text();
  const kind = flags & KIND_MASK;
  if (kind === UNKNOWN_FILE) return { segment, stat: 'unknown-file' };
  const permissions = (flags & HAS_PERMISSIONS) === 0 ? undefined : reader.number();
  let lastModifiedMs: number | undefined;
  let lastModifiedPrecisionMs = SECOND_MS;
  if ((flags & HAS_TIME) !== 0) lastModifiedMs = reader.number() * SECOND_MS;
  if ((flags & HAS_OTHER_TIME) !== 0)
    [lastModifiedMs, lastModifiedPrecisionMs] = [reader.double(), reader.double()];
  if (kind === DIRECTORY) return { segment, stat: { kind: 'directory', lastModifiedMs, permissions } };
  const size = reader.number();
  const etag = (flags & HAS_ETAG) === 0 ? undefined : reader.text();
  const algorithm = (flags & HAS_DIGEST) === 0 ? undefined : ALGORITHMS[reader.number()];
  return {
    segment,
    stat: { kind: 'file', size, lastModifiedMs, lastModifiedPrecisionMs, version: undefined, permissions },
    ...(etag === undefined ? {} : { etag }),
    ...(algorithm === undefined ? {} : { digest: { algorithm, hex: reader.text() } }),
  };
}

/** As `entryIn` returns it. */
export function listedEntry(entry: UrlEntry): ListedEntry {
  const bytes = Buffer.allocUnsafe(recordLimit(entry));
  writeRecord(bytes, 0, entry);
  return entryIn({ bytes, start: 0 });
}

class RecordReader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.at = start;
  }

  number(): number {
    let [value, unit] = [0, 1];
    for (;;) {
      const byte = byteAt(this.#bytes, this.at);
      this.at += 1;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
  }

  double(): number {
    this.at += DOUBLE_BYTES;
    return this.#bytes.readDoubleLE(this.at - DOUBLE_BYTES);
  }

  text(): string {
    const length = this.number();
    const start = this.at;
    const isWide = (length & 1) === 1;
    this.at += isWide ? length - 1 : length >>> 1;
    return this.#bytes.toString(isWide ? 'utf16le' : 'latin1', start, this.at);
  }
}

function byteAt(bytes: Buffer, index: number): number {
  return bytes[index] ?? 0;
}

/** Seven bits in a byte, the lowest first. */
function writeNumber(bytes: Buffer, start: number, value: number): number {
  let [end, left] = [start, value];
  while (left >= 0x80) {
    bytes[end] = (left % 0x80) | 0x80;
    left = Math.floor(left / 0x80);
    end += 1;
  }
  bytes[end] = left;
  return end + 1;
}

/** Twice its length, and one more if its characters take two bytes each. */
function writeText(bytes: Buffer, start: number, text: string): number {
  const begin = writeNumber(bytes, start, text.length * 2);
  // Most are short: a call of a method that encodes takes longer than this.
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0xff) return writeWideText(bytes, start, text);
    bytes[begin + i] = code;
  }
  return begin + text.length;
}

function writeWideText(bytes: Buffer, start: number, text: string): number {
  const begin = writeNumber(bytes, start, text.length * 2 + 1);
  return begin + bytes.write(text, begin, 'utf16le');
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0;
}
