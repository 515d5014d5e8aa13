/**
 * Byte ranges. Everywhere in this program a range is half open, `[start, end)`; inclusive last-byte
 * positions exist only in this file, where they are printed and parsed (RFC 9110, section 14).
 */

/** Bytes `[start, end)` of a resource. `end` is `Infinity` for "to the end". */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a `Content-Range` says: the bytes that came (undefined in the unsatisfied form) and the total, if known. */
export interface ContentRangeField {
  readonly range: ByteRange | undefined;
  readonly totalBytes: number | undefined;
}

/** `bytes=0-99` for `[0, 100)`; `bytes=100-` for an open end (RFC 9110, 14.1.2). */
export function formatRangeHeader(range: ByteRange): string {
  return `bytes=${formatDragonflyRange(range)}`;
}

/** `0-99` for `[0, 100)`: the value of Dragonfly's `X-Dragonfly-Range` (pkg/source/header.go). */
export function formatDragonflyRange(range: ByteRange): string {
  return `${range.start}-${range.end === Infinity ? '' : range.end - 1}`;
}

/** Reads an `X-Dragonfly-Range` value, `start-last` or `start-`; undefined when it is neither. */
export function parseDragonflyRange(value: string): ByteRange | undefined {
  const match = /^(\d{1,15})-(\d{1,15})?$/.exec(value.trim());
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = match[2] === undefined ? Infinity : Number(match[2]) + 1;
  return end > start ? { start, end } : undefined;
}

// Reads `bytes 0-99/200`, `bytes 0-99/*` and, with a 416, `bytes */200`.
/** Parses a `Content-Range` (RFC 9110, 14.4); undefined when it is malformed or contradicts itself. */
export function parseContentRange(value: string): ContentRangeField | undefined {
  const match = /^bytes\s+(?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15}|\*)$/i.exec(value.trim());
  if (match === null) return undefined;
  const totalBytes = match[3] === '*' ? undefined : Number(match[3]);
  if (match[1] === undefined) return totalBytes === undefined ? undefined : { range: undefined, totalBytes };
  const range = { start: Number(match[1]), end: Number(match[2]) + 1 };
  if (range.end <= range.start) return undefined;
  if (totalBytes !== undefined && range.end > totalBytes) return undefined;
  return { range, totalBytes };
}
