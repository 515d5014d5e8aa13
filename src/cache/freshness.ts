/** For how long what a source returned is fresh, and when it is served longer because the source cannot be queried. */
import { SourceError, type SourceErrorCode } from '../source/index.js';

/** Effective from the next use of what is cached. */
export interface FreshnessLimits {
  /** For how long metadata and listings are fresh. */
  readonly metadataTtlMs: number;
  /** For how long a missing resource is missing. */
  readonly negativeTtlMs: number;
  /** For how long what is cached may be served while the source cannot be queried. */
  readonly staleIfErrorMs: number;
}

export class Freshness {
  limits: FreshnessLimits;
  readonly now: () => number;

  constructor(limits: FreshnessLimits, now: () => number) {
    this.limits = limits;
    this.now = now;
  }

  /** What is left of a TTL; nothing if the clock was set back since. */
  ttlLeftMs(sinceMs: number, ttlMs = this.limits.metadataTtlMs): number {
    const now = this.now();
    return now < sinceMs ? 0 : sinceMs + ttlMs - now;
  }

  /** When the TTL begins of what is served though its source cannot be queried: the source is again after the negative TTL. */
  retriedSinceMs(): number {
    const { metadataTtlMs, negativeTtlMs } = this.limits;
    return this.now() + Math.min(metadataTtlMs, negativeTtlMs) - metadataTtlMs;
  }

  /** Whether what the source confirmed then is served after a failure to query it. */
  mayServeStale(confirmedAtMs: number, error: unknown): boolean {
    return leavesOpen(error) && this.now() - confirmedAtMs <= this.limits.staleIfErrorMs;
  }
}

/** Failures that are definite about the resource. After any other the source may still have what it had. */
const DEFINITE = new Set<SourceErrorCode>([
  'NOT_FOUND',
  'IS_DIRECTORY',
  'ACCESS_DENIED',
  'ADDRESS_REFUSED',
  'ARCHIVED',
  'NOT_CONFIGURED',
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

/** The source denies access: what it returned before is not served any more, even when the source is down. */
export function isDenial(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'ACCESS_DENIED';
}
