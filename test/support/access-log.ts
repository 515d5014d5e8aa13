import type { AccessLogEntry } from './nginx.js';

/** Bytes `[start, end)` of a resource that the server sent. */
export interface SentRange {
  readonly start: number;
  readonly end: number;
}

/** What was sent of a file, in the order of the log. Of an aborted response, the part that was sent. */
export function sentRanges(log: readonly AccessLogEntry[], uri: string): SentRange[] {
  return log
    .filter((entry) => entry.uri === uri && entry.bytesSent > 0)
    .map(({ range, status, bytesSent }) => {
      const start = status === 206 ? Number(/^bytes=(\d+)-/.exec(range)?.[1]) : 0;
      return { start, end: start + bytesSent };
    });
}

/** How many of the bytes were sent more than once, each time but the first counted. */
export function sentAgain(ranges: readonly SentRange[]): number {
  let [again, end] = [0, 0];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    again += Math.max(0, Math.min(range.end, end) - range.start);
    end = Math.max(end, range.end);
  }
  return again;
}

export function sentBytes(ranges: readonly SentRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
