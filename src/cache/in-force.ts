/** For how long what a source told is trusted, and when it stays so because the source cannot be asked. */
import { SourceError, type SourceErrorCode } from '../source/index.js';

/** What a source says of a resource by failing. Any other failure leaves open what it has. */
const DEFINITE = new Set<SourceErrorCode>([
  'NOT_FOUND',
  'IS_DIRECTORY',
  'ACCESS_DENIED',
  'ADDRESS_REFUSED',
  'INSECURE_REDIRECT',
  'CHANGED',
  'INVALID_REQUEST',
  'NO_CLIENT',
  'LIST_NOT_SUPPORTED',
  'INTERRUPTED',
]);

export function leavesOpen(error: unknown): boolean {
  return !(error instanceof SourceError && DEFINITE.has(error.code));
}

/** The source forbids what is asked for: what it gave before is not served any more, whatever becomes of the source. */
export function isDenial(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'ACCESS_DENIED';
}

/** How much is left of the time for which something is trusted; nothing if the clock was set back since. */
export function ttlLeftMs(sinceMs: number, ttlMs: number, nowMs: number): number {
  return nowMs < sinceMs ? 0 : sinceMs + ttlMs - nowMs;
}

/** Trusted since when, so that the source is asked again after the negative TTL (or the TTL, if that is shorter). */
export function trustedAgainSinceMs(ttlMs: number, negativeTtlMs: number, nowMs: number): number {
  return nowMs + Math.min(ttlMs, negativeTtlMs) - ttlMs;
}
