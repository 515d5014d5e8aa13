import { Worker } from 'node:worker_threads';

import type { IoReport, IoRequest } from './io-messages.js';

/** Of its heap, which holds chunks of TLS for moments. */
const YOUNG_MIB = 8;

/** A connection of a thread, from here. */
export interface ThreadConnection {
  /** It has an exchange. */
  readonly isBusy: boolean;
  onReport(report: IoReport): void;
  /** Nothing writes to a target any more. */
  onThreadEnd(): void;
}

export interface IoThreadOptions {
  readonly entry: URL;
  /** For so long it may be busy before it destroys a socket: longer, it hangs, and is ended. */
  readonly hangMs: number;
  readonly onReady: () => void;
  /** Why it ends, where that is a fault. */
  readonly onFailure: (error: Error) => void;
  /** No socket of it is left. */
  readonly onEnd: () => void;
}

/** One I/O thread, from here. */
export class IoThread {
  readonly #worker: Worker;
  readonly #options: IoThreadOptions;
  readonly #connections = new Map<number, ThreadConnection>();
  readonly #destroyed = new Map<number, NodeJS.Timeout>();
  #lastId = 0;
  #state: 'starting' | 'ready' | 'ended' = 'starting';
  #isHoldingProcess = false;
  wasReady = false;

  constructor(options: IoThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(options.entry, {
      name: 'd7y-io',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    this.#worker.unref();
    this.#worker.on('message', (reports: readonly IoReport[] | 'ready') => {
      if (reports !== 'ready') return this.#onReports(reports);
      if (this.#state === 'starting') this.#state = 'ready';
      this.wasReady = true;
      // Node counts its port again when it has started.
      if (!this.#isHoldingProcess) this.#worker.unref();
      return options.onReady();
    });
    // What it throws ends it.
    this.#worker.on('error', (error) => options.onFailure(error));
    this.#worker.once('exit', () => this.#onExit());
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Connections that have an exchange. */
  get load(): number {
    let count = 0;
    for (const { isBusy } of this.#connections.values()) if (isBusy) count += 1;
    return count;
  }

  /** Connections, since it started. */
  get served(): number {
    return this.#lastId;
  }

  /** Returns the id of the connection. */
  add(connection: ThreadConnection): number {
    this.#lastId += 1;
    this.#connections.set(this.#lastId, connection);
    return this.#lastId;
  }

  /** Its socket is gone. */
  remove(id: number): void {
    this.#connections.delete(id);
    clearTimeout(this.#destroyed.get(id));
    this.#destroyed.delete(id);
    this.noteWork();
  }

  post(request: IoRequest): void {
    this.#worker.postMessage(request, []);
  }

  /** A thread that does not get to it hangs, and is ended. */
  destroy(id: number): void {
    this.post({ kind: 'destroy', id });
    const check = (isLast: boolean): NodeJS.Timeout =>
      // Twice: after a stop of this process the first one is over at once.
      setTimeout(() => {
        if (!isLast) return this.#destroyed.set(id, check(true));
        this.#options.onFailure(new Error('it hangs'));
        return void this.end();
      }, this.#options.hangMs / 2).unref();
    this.#destroyed.set(id, check(false));
    this.noteWork();
  }

  /** As a socket: it keeps the process from ending while there is an exchange, or it is being closed. */
  noteWork(): void {
    const hasWork = this.load > 0 || this.#destroyed.size > 0;
    if (hasWork === this.#isHoldingProcess) return;
    this.#isHoldingProcess = hasWork;
    if (hasWork) this.#worker.ref();
    else this.#worker.unref();
  }

  /** Resolves when it has ended. */
  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #onReports(reports: readonly IoReport[]): void {
    for (const report of reports) this.#connections.get(report.id)?.onReport(report);
  }

  #onExit(): void {
    this.#state = 'ended';
    for (const timer of this.#destroyed.values()) clearTimeout(timer);
    this.#destroyed.clear();
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    // First: no request is given to it again.
    this.#options.onEnd();
    for (const connection of connections) connection.onThreadEnd();
  }
}
