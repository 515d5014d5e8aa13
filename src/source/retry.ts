import { setTimeout as sleep } from 'node:timers/promises';

import { SourceError } from './errors.js';

export interface RetryPolicy {
  /** Tries after the first one. */
  readonly retries: number;
  /** All tries begin within this time. */
  readonly deadlineMs: number;
  /** The first wait; it doubles with every try. */
  readonly backoffMs: number;
  /** The longest wait. Default: as long as it doubles to. */
  readonly maxBackoffMs?: number;
  readonly isRetryable: (error: unknown) => boolean;
  readonly random?: () => number;
}

/**
 * Retries retryable failures, with exponential backoff and full jitter (half of it fixed, so that a burst
 * of tries is no storm), or after the time that the source requested. The last error is the one thrown.
 */
export async function withRetries<Result>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  work: (leftMs: number) => Promise<Result>,
): Promise<Result> {
  const endsAt = performance.now() + policy.deadlineMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work(Math.max(1, endsAt - performance.now()));
    } catch (error) {
      const waitMs = waitBefore(attempt, policy, error);
      const isLast = attempt >= policy.retries || performance.now() + waitMs >= endsAt;
      if (isLast || signal?.aborted === true || !policy.isRetryable(error)) throw error;
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal }).catch(() => {
        throw error;
      });
    }
  }
}

function waitBefore(
  attempt: number,
  { backoffMs, maxBackoffMs = Infinity, random = Math.random }: RetryPolicy,
  error: unknown,
): number {
  const requestedMs = error instanceof SourceError ? error.retryAfterMs : undefined;
  return requestedMs ?? Math.min(backoffMs * 2 ** attempt, maxBackoffMs) * (0.5 + random() / 2);
}
