import type { ReadRequest } from './pending-requests.js';

/** What a channel of SSH lets the server send ahead (the window of ssh2). */
const MAX_IN_FLIGHT_BYTES = 2 * 1024 * 1024;
/** More is asked for when no more is left: several READs at a time cost little more than one. */
const REFILL_BYTES = 0.75 * MAX_IN_FLIGHT_BYTES;

/** Sends READs as far as the session has room for their answers. */
export class ReadQueue {
  readonly #send: (request: ReadRequest, aheadBytes: number) => void;
  #inFlightBytes = 0;
  #waiting: ReadRequest[] = [];

  /** `aheadBytes` come before its answer. */
  constructor(send: (request: ReadRequest, aheadBytes: number) => void) {
    this.#send = send;
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request);
    this.#sendWaiting();
  }

  /** One that was sent has its answer, or has none. */
  noteEnd({ length }: ReadRequest): void {
    this.#inFlightBytes -= length;
    this.#sendWaiting();
  }

  close(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const request of waiting) if (!request.isCancelled) request.fail(error);
  }

  #sendWaiting(): void {
    if (this.#inFlightBytes > REFILL_BYTES) return;
    if (this.#waiting.some(({ isCancelled }) => isCancelled))
      this.#waiting = this.#waiting.filter(({ isCancelled }) => !isCancelled);
    while (this.#waiting.length > 0) {
      const found = this.#waiting.findIndex((request) => !request.isBackground());
      const at = Math.max(0, found);
      const next = this.#waiting[at];
      const before = this.#inFlightBytes;
      const bytes = before + (next?.length ?? 0);
      if (next === undefined || (before > 0 && bytes > MAX_IN_FLIGHT_BYTES)) return;
      this.#waiting.splice(at, 1);
      this.#inFlightBytes = bytes;
      this.#send(next, before);
    }
  }
}
