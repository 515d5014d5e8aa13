import type { PendingRequests, ReadRequest } from './pending-requests.js';

/** What a channel of SSH lets the server send ahead (the window of ssh2). */
const MAX_IN_FLIGHT_BYTES = 2 * 1024 * 1024;

/** Sends READs as far as the session has room for their answers. */
export class ReadQueue {
  inFlightBytes = 0;
  readonly #send: (request: ReadRequest, id: number) => void;
  readonly #pending: PendingRequests;
  #waiting: ReadRequest[] = [];
  readonly #cancelled = new WeakSet<ReadRequest>();

  constructor(send: (request: ReadRequest, id: number) => void, pending: PendingRequests) {
    this.#send = send;
    this.#pending = pending;
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request);
    this.#sendWaiting();
  }

  cancel(request: ReadRequest): void {
    this.#cancelled.add(request);
    this.#waiting = this.#waiting.filter((waiting) => waiting !== request);
  }

  close(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const request of waiting) request.fail(error);
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0) {
      const found = this.#waiting.findIndex((request) => !request.isBackground());
      const at = Math.max(0, found);
      const next = this.#waiting[at];
      const bytes = this.inFlightBytes + (next?.length ?? 0);
      if (next === undefined || (this.inFlightBytes > 0 && bytes > MAX_IN_FLIGHT_BYTES)) return;
      this.#waiting.splice(at, 1);
      const before = this.inFlightBytes;
      this.inFlightBytes = bytes;
      this.#pending.addRead(this.#counted(next), before, (id) => this.#send(next, id));
    }
  }

  #counted(request: ReadRequest): ReadRequest {
    const { handle, offset, length } = request;
    const ended = (report: () => void): void => {
      this.inFlightBytes -= length;
      if (!this.#cancelled.has(request)) report();
      this.#sendWaiting();
    };
    return {
      handle,
      offset,
      length,
      isBackground: () => request.isBackground(),
      take: (bytes) => {
        if (!this.#cancelled.has(request)) request.take(bytes);
      },
      done: (bytes) => ended(() => request.done(bytes)),
      fail: (error) => ended(() => request.fail(error)),
    };
  }
}
