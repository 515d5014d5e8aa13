import type { ReadRequest } from './pending-requests.js';

/** So much at least, which a slow link takes a second for: what is asked for next waits for it. */
const MIN_WINDOW_BYTES = 2 * 1024 * 1024;
/**
 * An answer that takes so many times as long as the fastest one, and a moment, has waited for others: in the server, whose buffer is
 * reallocated as it grows by each answer (OpenSSH's sshbuf.c).
 */
const WAITED_TIMES = 1.5;
const WAITED_MS = 10;
/** With more in flight, nothing more is asked for: several READs at a time cost little more than one. */
const REFILL_SHARE = 3 / 4;

/**
 * Sends READs as far as their answers come soon: the window grows while those take no longer than the way there and back, so that it
 * covers a long way, and shrinks while they wait for each other on a slow link.
 */
export class ReadQueue {
  readonly #send: (request: ReadRequest, aheadBytes: number) => void;
  readonly #maxWindowBytes: () => number;
  #windowBytes = MIN_WINDOW_BYTES;
  #inFlightBytes = 0;
  #fastestMs = Infinity;
  #waiting: ReadRequest[] = [];

  /** `aheadBytes` come before its answer. */
  constructor(send: (request: ReadRequest, aheadBytes: number) => void, maxWindowBytes: () => number) {
    this.#send = send;
    this.#maxWindowBytes = maxWindowBytes;
  }

  /** At most so much is in flight. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request);
    this.#sendWaiting();
  }

  /** One that was sent has its answer, or has none. */
  noteEnd(request: ReadRequest): void {
    this.#inFlightBytes -= request.length;
    this.#suitWindow(request);
    this.#sendWaiting();
  }

  close(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const request of waiting) if (!request.isCancelled) request.fail(error);
  }

  /** In the time of one way there and back it doubles, or becomes half as much. What leaves most of it free shows nothing of more. */
  #suitWindow({ sentAtMs = 0, length }: ReadRequest): void {
    const tookMs = performance.now() - sentAtMs;
    this.#fastestMs = Math.min(this.#fastestMs, tookMs);
    const hasWaited = tookMs > WAITED_TIMES * this.#fastestMs + WAITED_MS;
    const isInUse = 2 * (this.#inFlightBytes + length) >= this.#windowBytes;
    const suited = this.#windowBytes + (hasWaited ? -length : isInUse ? length : 0);
    this.#windowBytes = Math.max(MIN_WINDOW_BYTES, Math.min(suited, this.#maxWindowBytes()));
  }

  #sendWaiting(): void {
    if (this.#inFlightBytes > REFILL_SHARE * this.#windowBytes) return;
    if (this.#waiting.some(({ isCancelled }) => isCancelled))
      this.#waiting = this.#waiting.filter(({ isCancelled }) => !isCancelled);
    while (this.#waiting.length > 0) {
      const found = this.#waiting.findIndex((request) => !request.isBackground());
      const at = Math.max(0, found);
      const next = this.#waiting[at];
      const before = this.#inFlightBytes;
      const bytes = before + (next?.length ?? 0);
      if (next === undefined || (before > 0 && bytes > this.#windowBytes)) return;
      this.#waiting.splice(at, 1);
      this.#inFlightBytes = bytes;
      next.sentAtMs = performance.now();
      this.#send(next, before);
    }
  }
}
