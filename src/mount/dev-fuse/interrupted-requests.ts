/**
 * Requests that were interrupted by a signal that can wait. The kernel interrupts a request once, and reports no Ctrl-C that
 * follows a SIGCHLD: so their threads are checked periodically, until the reply.
 */
import type { RequestCaller } from './request-caller.js';
import { intentOfThread, type SignalIntent } from './signal-intent.js';

export interface InterruptOptions {
  readonly intentOf: (thread: number) => SignalIntent;
  /** How often the threads are looked at. */
  readonly intervalMs: number;
  /** How long a request may run whose thread cannot be seen. */
  readonly unseenMs: number;
}

const DEFAULT_INTERRUPT_OPTIONS: InterruptOptions = {
  intentOf: intentOfThread,
  intervalMs: 50,
  // Long enough for most answers, short enough for a Ctrl-C in a container.
  unseenMs: 1_000,
};

/** Threads that are looked at in one interval, at some 25 us each: an eighth of the processor. */
const MAX_LOOKS = 256;

export class InterruptedRequests {
  readonly #options: InterruptOptions;
  /** Each with the time from which on it is aborted if its thread cannot be seen; the next to check first. */
  readonly #waiting = new Map<RequestCaller, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Partial<InterruptOptions> = {}) {
    this.#options = { ...DEFAULT_INTERRUPT_OPTIONS, ...options };
  }

  /** The kernel reports a signal for the caller's thread. */
  add(caller: RequestCaller): void {
    this.#lookAt(caller, performance.now() + this.#options.unseenMs);
    this.#schedule();
  }

  /** The request is answered. */
  delete(caller: RequestCaller): void {
    this.#waiting.delete(caller);
  }

  #lookAt(caller: RequestCaller, unseenUntilMs: number): void {
    this.#waiting.delete(caller);
    const intent = this.#options.intentOf(caller.id);
    const isOver = intent === 'unknown' && performance.now() >= unseenUntilMs;
    if (intent === 'abort' || isOver) caller.interrupt();
    else this.#waiting.set(caller, unseenUntilMs);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      let left = Math.min(MAX_LOOKS, this.#waiting.size);
      // Who waits on is added at the end again.
      for (const [caller, unseenUntilMs] of this.#waiting) {
        if (left === 0) break;
        left -= 1;
        this.#lookAt(caller, unseenUntilMs);
      }
      this.#schedule();
    }, this.#options.intervalMs);
    this.#timer.unref();
  }
}
