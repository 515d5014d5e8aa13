/**
 * Bytes as text, and back: a byte that is not UTF-8 becomes a lone surrogate, U+DC80 to U+DCFF (Python's
 * `surrogateescape`, PEP 383). File names are bytes to Linux and strings here, and none is changed on the way.
 */
import { isUtf8 } from 'node:buffer';

const ESCAPED = /[\udc80-\udcff]/u;
const RUNS = /[\udc80-\udcff]+|[^\udc80-\udcff]+/gu;
const ESCAPE_BASE = 0xdc00;
const REPLACEMENT = '\ufffd';

export function textOfBytes(bytes: Buffer, end = bytes.length): string {
  const text = bytes.toString('utf8', 0, end);
  // Seldom: it is in the bytes, or stands for some that are not UTF-8.
  return text.includes(REPLACEMENT) ? escapedText(bytes.subarray(0, end)) : text;
}

export function bytesOfText(text: string): Buffer {
  if (!hasEscapedBytes(text)) return Buffer.from(text);
  // In Latin-1 a code unit is its low byte.
  const parts = text.match(RUNS) ?? [];
  return Buffer.concat(parts.map((part) => Buffer.from(part, hasEscapedBytes(part) ? 'latin1' : 'utf8')));
}

/** Whether some of its bytes are not UTF-8. */
export function hasEscapedBytes(text: string): boolean {
  return ESCAPED.test(text);
}

export function byteLengthOfText(text: string): number {
  return hasEscapedBytes(text) ? bytesOfText(text).length : Buffer.byteLength(text);
}

/** Each byte as `%XX`. */
export function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of bytesOfText(text)) encoded += percentEncodedByte(byte);
  return encoded;
}

export function percentEncodedByte(byte: number): string {
  return ESCAPES[byte] ?? '';
}

/** Each byte as `%XX` that is not ASCII. */
export function percentEncodedToAscii(text: string): string {
  return text.replace(/[\u0080-\uffff]+/g, percentEncoded);
}

/** As `encodeURIComponent`, for bytes that are not UTF-8 too. */
export function percentEncodedSegment(text: string): string {
  return hasEscapedBytes(text)
    ? text.replace(/[^A-Za-z0-9\-_.!~*'()]+/gu, percentEncoded)
    : encodeURIComponent(text);
}

/** What a text with `%XX` in it stands for. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not UTF-8, or a `%` that begins no escape.
    const bytes = Buffer.from(text)
      .toString('latin1')
      .replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
    return textOfBytes(Buffer.from(bytes, 'latin1'));
  }
}

const ESCAPES = Array.from(
  { length: 256 },
  (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
);

function escapedText(bytes: Buffer): string {
  let text = '';
  let start = 0;
  for (let at = 0; at < bytes.length;) {
    const length = characterBytes(bytes, at);
    if (length === 0) {
      text += bytes.toString('utf8', start, at) + String.fromCharCode(ESCAPE_BASE + (bytes[at] ?? 0));
      start = at + 1;
    }
    at += length === 0 ? 1 : length;
  }
  return text + bytes.toString('utf8', start);
}

/** The length of the character that begins at `at`; 0 if none does (RFC 3629, 4). */
function characterBytes(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
