import { type BodyReader, type BodyTarget, bytesOf } from '../body-target.js';
import type { HttpBody } from '../http/http-body.js';
import { partOf } from '../target-cursor.js';

export interface RestOptions {
  /** The body begins with byte `start` of a file, and ends before `end`. */
  readonly start: number;
  readonly end: number;
  /** For how long, in all, nothing may be read. */
  readonly restAfterMs: number;
  /** The same file, from an earlier byte on, or that one. */
  readonly reopen: (position: number) => Promise<{ readonly start: number; readonly body: HttpBody }>;
}

/** More came than was announced. */
export class TooLongError extends Error {}

const SKIP_BYTES = 64 * 1024;

/**
 * Reads a body of dfdaemon. As long as it has a client, dfdaemon fetches only some pieces more than that has taken, and other
 * nodes wait for the rest of them; when the client has left, it fetches all. So the connection of a slow reader is closed once, and
 * another one goes on when the reader reads on.
 */
export class RestingBody implements BodyReader {
  readonly #options: RestOptions;
  #body: HttpBody;
  #position: number;
  #leftMs: number;
  #restingSinceMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #state: 'reading' | 'left' | 'reopened' = 'reading';

  constructor(body: HttpBody, options: RestOptions) {
    this.#options = options;
    this.#body = body;
    this.#position = options.start;
    this.#leftMs = options.restAfterMs;
  }

  async read(target: BodyTarget): Promise<number> {
    this.#endRest();
    const { end } = this.#options;
    if (this.#state === 'left' && this.#position < end) await this.#reopen();
    const wantedBytes = Math.min(bytesOf(target.pieces), end - this.#position);
    const bytes = wantedBytes === 0 ? 0 : await this.#body.read(partOf(target, 0, wantedBytes));
    this.#position += bytes;
    const isAtEnd = this.#position === end && this.#state !== 'left';
    if (isAtEnd && (await this.#body.read({ pieces: [new Uint8Array(1)] })) > 0) throw new TooLongError();
    if (this.#state === 'reading' && this.#position < end) this.#beginRest();
    return bytes;
  }

  /** The reader needs no more. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#body.cancel();
  }

  #beginRest(): void {
    this.#restingSinceMs = performance.now();
    this.#timer = setTimeout(() => {
      this.#state = 'left';
      this.#body.cancel();
    }, this.#leftMs);
  }

  #endRest(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - this.#restingSinceMs));
  }

  async #reopen(): Promise<void> {
    this.#state = 'reopened';
    const { start, body } = await this.#options.reopen(this.#position);
    this.#body = body;
    for (let skip = this.#position - start; skip > 0;) {
      const bytes = await body.read({ pieces: [new Uint8Array(Math.min(skip, SKIP_BYTES))] });
      if (bytes === 0) return;
      skip -= bytes;
    }
  }
}
