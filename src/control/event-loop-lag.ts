import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

import type { SummaryCounts } from './exposition.js';

/** With 100 ms it costs 0.4 ms of processor time in a second, with 10 ms six times that (Node 20). */
const RESOLUTION_MS = 100;
const WINDOW_MS = 60_000;
const QUANTILES = [0.5, 0.9, 0.99, 1];

/**
 * How late the event loop runs what is due. It is measured only while it is read: an idle mount wakes no processor. What is shown is
 * the worse of the current window and the one before, so that none of several readers misses anything.
 */
export class EventLoopLag {
  #current: IntervalHistogram | undefined;
  #before: readonly number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #wasRead = false;
  #count = 0;
  #sumSeconds = 0;

  /** Undefined: it has just begun to measure. */
  report(): SummaryCounts | undefined {
    this.#wasRead = true;
    if (this.#current === undefined) this.#start();
    const { count, sumSeconds } = totals(this.#current);
    if (this.#count + count === 0) return undefined;
    const now = quantilesOf(this.#current);
    return {
      quantiles: QUANTILES.map((quantile, i) => [quantile, Math.max(now[i] ?? 0, this.#before[i] ?? 0)]),
      count: this.#count + count,
      sumSeconds: this.#sumSeconds + sumSeconds,
    };
  }

  #start(): void {
    this.#current = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#current.enable();
    this.#timer = setInterval(() => this.#endWindow(), WINDOW_MS).unref();
  }

  #endWindow(): void {
    const { count, sumSeconds } = totals(this.#current);
    this.#count += count;
    this.#sumSeconds += sumSeconds;
    this.#before = quantilesOf(this.#current);
    this.#current?.reset();
    if (!this.#wasRead) this.#stop();
    this.#wasRead = false;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#current?.disable();
    this.#current = undefined;
    this.#before = [];
  }
}

function quantilesOf(histogram: IntervalHistogram | undefined): number[] {
  if (histogram === undefined || histogram.count === 0) return [];
  return QUANTILES.map((quantile) => lateSeconds(histogram.percentile(quantile * 100)));
}

function totals(histogram: IntervalHistogram | undefined): { count: number; sumSeconds: number } {
  if (histogram === undefined || histogram.count === 0) return { count: 0, sumSeconds: 0 };
  return { count: histogram.count, sumSeconds: lateSeconds(histogram.mean) * histogram.count };
}

/** What Node measures is the time from one tick to the next. */
function lateSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
}
