/** How long things took, counted in buckets. To count one takes some ten nanoseconds. */
export class Histogram {
  readonly boundsMs: readonly number[];
  /** Of each bound, and of what took longer than the last one. */
  readonly #counts: number[];
  #sumMs = 0;

  constructor(boundsMs: readonly number[] = LATENCY_BOUNDS_MS) {
    this.boundsMs = boundsMs;
    this.#counts = Array.from({ length: boundsMs.length + 1 }, () => 0);
  }

  add(ms: number): void {
    const { boundsMs } = this;
    let bucket = 0;
    while (bucket < boundsMs.length && ms > (boundsMs[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sumMs += ms;
  }

  get counts(): HistogramCounts {
    return { boundsMs: this.boundsMs, counts: [...this.#counts], sumMs: this.#sumMs };
  }
}

export interface HistogramCounts {
  readonly boundsMs: readonly number[];
  /** One more than there are bounds. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

const LATENCY_BOUNDS_MS = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
];
