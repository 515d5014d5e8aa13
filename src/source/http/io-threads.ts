import { availableParallelism } from 'node:os';

import type { Awaitable } from '../../awaitable.js';
import { withResolvers } from '../../with-resolvers.js';
import { IoThread } from './io-thread.js';

/** Less is received as well in the main thread. */
const MIN_BYTES = 256 * 1024;
const MAX_DEFAULT_COUNT = 4;
const HANG_MS = 5_000;
/** After one that could not be started. */
const RESTART_MS = 60_000;

export interface IoThreadsOptions {
  /** At most; 0: none. Default: one less than the processors, at least 1 and at most 4. */
  readonly count?: number | undefined;
  /** A response that is expected to have more is received in a thread. */
  readonly minBytes?: number;
  readonly entry?: URL;
  /** As of `IoThreadOptions`. */
  readonly hangMs?: number;
  readonly onFailure?: (error: Error) => void;
}

/** Threads that have sockets, TLS and bodies. They start when there is something for them to do. */
export class IoThreads {
  readonly #count: number;
  readonly #minBytes: number;
  readonly #entry: URL;
  readonly #hangMs: number;
  readonly #onFailure: (error: Error) => void;
  readonly #threads = new Set<IoThread>();
  /** Until the last one that was started is ready, or has ended. */
  #starting = Promise.resolve();
  /** None is started before. */
  #startsAtMs = 0;
  #isClosed = false;

  constructor({ count, minBytes = MIN_BYTES, entry, hangMs = HANG_MS, onFailure }: IoThreadsOptions) {
    this.#onFailure = onFailure ?? (() => undefined);
    this.#count = count ?? Math.max(1, Math.min(MAX_DEFAULT_COUNT, availableParallelism() - 1));
    this.#minBytes = minBytes;
    this.#entry = entry ?? new URL('./io-worker.js', import.meta.url);
    this.#hangMs = hangMs;
  }

  get size(): number {
    return this.#threads.size;
  }

  /** The thread that should receive such a response; undefined: this one, also while no other is ready. */
  threadFor(expectedBytes: number): IoThread | undefined {
    if (this.#isClosed || expectedBytes <= this.#minBytes) return undefined;
    let [least, leastLoad] = [undefined as IoThread | undefined, Infinity];
    for (const thread of this.#threads) {
      if (!thread.isReady) continue;
      const { load } = thread;
      if (load < leastLoad) [least, leastLoad] = [thread, load];
    }
    const mayStart = this.#threads.size < this.#count && performance.now() >= this.#startsAtMs;
    if (leastLoad > 0 && mayStart) this.#start();
    return least;
  }

  /** The same, but while none is ready it is waited for the first: what comes by one connection goes by it to the end. */
  threadWhenReady(expectedBytes: number): Awaitable<IoThread | undefined> {
    const thread = this.threadFor(expectedBytes);
    if (thread !== undefined || this.#threads.size === 0 || expectedBytes <= this.#minBytes) return thread;
    return this.#starting.then(() => this.threadFor(expectedBytes));
  }

  /** Resolves when there is a thread that is ready. */
  async start(): Promise<void> {
    this.#start();
    await this.#starting;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }

  #start(): void {
    const started = withResolvers<void>();
    this.#starting = started.promise;
    const thread: IoThread = new IoThread({
      entry: this.#entry,
      hangMs: this.#hangMs,
      onReady: started.resolve,
      onFailure: this.#onFailure,
      onEnd: () => {
        started.resolve();
        this.#threads.delete(thread);
        if (!thread.wasReady) this.#startsAtMs = performance.now() + RESTART_MS;
      },
    });
    this.#threads.add(thread);
  }
}
