import { Worker } from 'node:worker_threads';

import type { Jobs } from './worker/disk-worker.js';
import type { PlainError, ReplyMessage, Request, ThreadOptions } from './worker/messages.js';

/** What the thread needs beside code: jobs are small, but for the entries of a directory. */
const LIMITS = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 4 };
/** A thread that ends so often without having done anything is not started again. */
const MAX_FAILURES = 3;

/** A job failed, on the other thread. */
export class DiskJobError extends Error {
  override readonly name = 'DiskJobError';
  readonly code: string;

  constructor({ code, message }: PlainError) {
    super(message);
    this.code = code;
  }
}

/** Something was made durable, or could not be: so many entries are not. */
export type OnSynced = (unsynced: number, error: PlainError | undefined) => void;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: DiskJobError) => void;
}

/**
 * Runs the jobs of a store on another thread, in the order in which they come. While some are under way, those that come are
 * collected: so storing many small files takes few messages. A thread that dies fails the jobs that it has; the next job starts
 * another one. It is started by the first job, and does not keep the process alive.
 */
export class DiskThread {
  readonly #options: ThreadOptions;
  readonly #onSynced: OnSynced;
  readonly #pending = new Map<number, Pending>();
  readonly #whenSettled: (() => void)[] = [];
  #worker: Worker | undefined;
  #failures = 0;
  #batch: Request[] = [];
  #isPosted = false;
  #isClosed = false;
  #lastId = 0;

  constructor(options: ThreadOptions, onSynced: OnSynced) {
    this.#options = options;
    this.#onSynced = onSynced;
  }

  /** Resolves to what the method of `Jobs` returns there. */
  async run<K extends keyof Jobs>(
    kind: K,
    ...[job]: Parameters<Jobs[K]>
  ): Promise<Awaited<ReturnType<Jobs[K]>>> {
    if (this.#isClosed) throw new DiskJobError({ code: 'CLOSED', message: 'the store is closed' });
    this.#lastId += 1;
    const id = this.#lastId;
    const done = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#batch.push([id, kind, job]);
    if (this.#batch.length === 1 && !this.#isPosted) queueMicrotask(() => this.#post());
    return (await done) as Awaited<ReturnType<Jobs[K]>>;
  }

  /** Resolves when all jobs are done, those that come meanwhile, too. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
  }

  /** No job comes any more. */
  close(): void {
    this.#isClosed = true;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
    this.#worker?.postMessage([]);
  }

  #start(): Worker {
    // Not the descriptors that it has opened either: by then they may be others'.
    const options = { name: 'disk cache', resourceLimits: LIMITS, trackUnmanagedFds: false };
    const url = new URL('worker/disk-worker.js', import.meta.url);
    const worker = new Worker(url, { ...options, workerData: this.#options });
    let failure = 'it has ended';
    worker.on('message', (message: ReplyMessage) => this.#receive(message));
    worker.on('error', (error) => (failure = error.message));
    worker.once('exit', () => {
      this.#worker = undefined;
      this.#failures += 1;
      this.#fail(failure);
    });
    return worker;
  }

  #post(): void {
    if (this.#isPosted || this.#batch.length === 0) return;
    if (this.#failures >= MAX_FAILURES) return this.#fail('it has ended several times');
    this.#isPosted = true;
    this.#worker ??= this.#start();
    this.#worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
    this.#worker.postMessage(this.#batch);
    this.#batch = [];
  }

  #receive(message: ReplyMessage): void {
    if (!('replies' in message)) return this.#onSynced(message.unsynced, message.error);
    this.#failures = 0;
    for (const [id, result, error] of message.replies) {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(result);
      else pending?.reject(new DiskJobError(error));
    }
    if (message.isBatch) this.#isPosted = false;
    this.#settled();
    this.#post();
  }

  /** The thread has died. */
  #fail(message: string): void {
    const error = new DiskJobError({
      code: 'DISK_THREAD',
      message: `the thread of the disk cache: ${message}`,
    });
    this.#batch = [];
    this.#isPosted = false;
    const failed = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of failed) reject(error);
    this.#settled();
  }

  #settled(): void {
    if (this.#pending.size === 0) this.#worker?.unref();
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }
}
