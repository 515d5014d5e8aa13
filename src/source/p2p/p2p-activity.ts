import { Histogram, type HistogramCounts } from '../../histogram.js';

/** Why bytes are read from the source though they were requested of the cluster. */
const FALLBACK_REASONS = ['rate_limit', 'first_byte', 'stall', 'error', 'mismatch'] as const;
export type FallbackReason = (typeof FALLBACK_REASONS)[number];

/**
 * What requests to dfdaemon came to. `ok`: all of the body came, or as much as was needed; `refused`: the source refused it, which
 * dfdaemon reports.
 */
const P2P_RESULTS = ['ok', 'refused', ...FALLBACK_REASONS] as const;
export type P2pResult = (typeof P2P_RESULTS)[number];

export class P2pActivity {
  readonly #results = new Map<P2pResult, number>(P2P_RESULTS.map((result) => [result, 0]));
  readonly #firstByte = new Histogram();
  #lastError: P2pReport['lastError'];

  note(result: P2pResult): void {
    this.#results.set(result, (this.#results.get(result) ?? 0) + 1);
  }

  noteFirstByte(ms: number): void {
    this.#firstByte.add(ms);
  }

  /** `message` holds no secrets. */
  noteError(message: string): void {
    this.#lastError = { atMs: Date.now(), message };
  }

  get report(): Pick<P2pReport, 'requests' | 'fallbacks' | 'firstByte' | 'lastError'> {
    return {
      requests: Object.fromEntries(this.#results),
      fallbacks: Object.fromEntries(
        FALLBACK_REASONS.map((reason) => [reason, this.#results.get(reason) ?? 0]),
      ),
      firstByte: this.#firstByte.counts,
      lastError: this.#lastError,
    };
  }
}

export interface P2pReport {
  /** Of dfdaemon. */
  readonly proxy: string;
  readonly mode: 'stream' | 'ranges';
  /** Until when nothing is requested of it, since it failed; undefined: it is in use. */
  readonly brokenUntilMs: number | undefined;
  /** By result. */
  readonly requests: Readonly<Record<string, number>>;
  /** By reason. */
  readonly fallbacks: Readonly<Record<string, number>>;
  /** From a request to the head of its response. */
  readonly firstByte: HistogramCounts;
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined;
}
