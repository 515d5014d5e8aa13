/** What a server says of a file or directory, and which version of it that is. */
import { type Metadata, UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN } from '../../metadata.js';
import type { Validators } from '../../request.js';

export interface FtpStat {
  readonly isDirectory: boolean;
  /** Bytes; undefined: the server does not say. */
  readonly size?: number | undefined;
  /** To the second. */
  readonly modifiedMs?: number | undefined;
  /** The fact `unique` (RFC 3659, 7.5.2): another file of the same name has another one. */
  readonly unique?: string | undefined;
  /** Permission bits. */
  readonly mode?: number | undefined;
}

/** So soon after its time a file may change again within the same second, as far as clocks agree. */
const FRESH_MS = 2_000;

/** A made-up one: time, size, and the fact `unique`. Undefined: nothing identifies the version. */
export function etagOf(
  { isDirectory, size, modifiedMs, unique }: FtpStat,
  nowMs = Date.now(),
): string | undefined {
  if (isDirectory || size === undefined || modifiedMs === undefined || isFresh(modifiedMs, nowMs))
    return undefined;
  return `"${[modifiedMs / 1000, size, ...(unique === undefined ? [] : [unique])].join('-')}"`;
}

/** What such an ETag was made of; undefined: it is none of these. */
export function statOfEtag(etag: string): FtpStat | undefined {
  const [, seconds, size, unique] = /^"(\d{1,12})-(\d{1,15})(?:-(.+))?"$/.exec(etag) ?? [];
  if (seconds === undefined || size === undefined) return undefined;
  const stat = { isDirectory: false, size: Number(size), modifiedMs: Number(seconds) * 1000 };
  return unique === undefined ? stat : { ...stat, unique };
}

function isFresh(modifiedMs: number, nowMs: number): boolean {
  return nowMs - modifiedMs < FRESH_MS;
}

export function metadataOf(stat: FtpStat, supportRange: boolean, nowMs = Date.now()): Metadata {
  const { isDirectory, size = UNKNOWN_SOURCE_FILE_LEN, modifiedMs } = stat;
  const etag = etagOf(stat, nowMs);
  return {
    kind: isDirectory ? 'directory' : 'file',
    contentLength: isDirectory ? UNKNOWN_SOURCE_FILE_LEN : size,
    supportRange: supportRange && !isDirectory,
    lastModified: modifiedMs ?? UNKNOWN_LAST_MODIFIED,
    mode: stat.mode,
    ...(etag === undefined ? { isLastModifiedWeak: true } : { etag }),
  };
}

/** What of a pin the server contradicts; undefined: nothing. */
export function contradictionOf(
  stat: FtpStat,
  pin: Validators,
  nowMs = Date.now(),
): Contradiction | undefined {
  const etag = etagOf(stat, nowMs);
  if (pin.etag !== undefined && etag !== pin.etag)
    return { expected: pin.etag, found: etag ?? 'a file that has just changed' };
  const { size, modifiedMs } = stat;
  if (pin.contentLength !== undefined && size !== undefined && size !== pin.contentLength)
    return { expected: `${pin.contentLength} bytes`, found: `${size} bytes` };
  if (pin.lastModifiedMs !== undefined && modifiedMs !== undefined && modifiedMs !== pin.lastModifiedMs)
    return {
      expected: new Date(pin.lastModifiedMs).toISOString(),
      found: new Date(modifiedMs).toISOString(),
    };
  return undefined;
}

export interface Contradiction {
  readonly expected: string;
  readonly found: string;
}

/** Whether two of them are of one version, as far as the server shows. */
export function isSameVersion(a: FtpStat, b: FtpStat): boolean {
  return (
    a.isDirectory === b.isDirectory &&
    a.size === b.size &&
    a.modifiedMs === b.modifiedMs &&
    a.unique === b.unique
  );
}
