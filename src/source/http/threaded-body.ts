import { type BodyTarget, bytesOf } from '../body-target.js';
import { TargetCursor } from '../target-cursor.js';
import type { IncomingBody } from './exchange-body.js';

/** Of memory that is shared with the thread, for targets that are not. */
const STAGE_BYTES = 256 * 1024;

interface Reading {
  readonly target: BodyTarget;
  pieces: number;
  bytes: number;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The body of a response that another thread receives. A read settles when that thread writes no more. */
export class ThreadedBody implements IncomingBody {
  readonly #request: (target: BodyTarget) => void;
  #reading: Reading | undefined;
  #stage: Uint8Array | undefined;
  #isStaging = false;
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;

  /** `request` sends a target to the thread. */
  constructor(request: (target: BodyTarget) => void) {
    this.#request = request;
  }

  get isReading(): boolean {
    return this.#reading !== undefined || this.#isStaging;
  }

  read(target: BodyTarget): Promise<number> {
    const isShared = target.pieces.every(({ buffer }) => buffer instanceof SharedArrayBuffer);
    return isShared ? this.#read(target) : this.#readStaged(target);
  }

  fail(error: unknown): void {
    if (!this.#hasEnded) this.#failure ??= { error };
  }

  /** As the thread reports. */
  onProgress(bytes: number, checksums: readonly number[]): void {
    const reading = this.#reading;
    if (reading === undefined || this.#failure !== undefined) return;
    const { onBytes, onPiece } = reading.target;
    for (const checksum of checksums) {
      onPiece?.(reading.pieces, checksum);
      reading.pieces += 1;
    }
    if (bytes <= reading.bytes) return;
    reading.bytes = bytes;
    onBytes?.(bytes);
  }

  /** All of the body has been written. */
  end(): void {
    this.#hasEnded = this.#failure === undefined;
    this.settle(true);
  }

  /** The thread writes no more to the target. */
  settle(isDone: boolean): void {
    const reading = this.#reading;
    this.#reading = undefined;
    if (this.#failure !== undefined) reading?.reject(this.#failure.error);
    else if (isDone) reading?.resolve(reading.bytes);
    else reading?.reject(new Error('the body was left'));
  }

  #read(target: BodyTarget): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure.error);
      else if (this.#hasEnded) resolve(0);
      else {
        this.#reading = { target, pieces: 0, bytes: 0, resolve, reject };
        this.#request(target);
      }
    });
  }

  async #readStaged(target: BodyTarget): Promise<number> {
    const cursor = new TargetCursor(target);
    const wantedBytes = bytesOf(target.pieces);
    this.#isStaging = true;
    try {
      const stageBytes = Math.min(STAGE_BYTES, wantedBytes);
      if ((this.#stage?.byteLength ?? 0) < stageBytes)
        this.#stage = new Uint8Array(new SharedArrayBuffer(stageBytes));
      const stage = this.#stage ?? new Uint8Array();
      for (;;) {
        const piece = stage.subarray(0, wantedBytes - cursor.bytes);
        let taken = 0;
        const onBytes = (bytes: number): void => {
          taken += cursor.take(piece.subarray(taken, bytes));
        };
        const bytes = await this.#read({ pieces: [piece], minBytes: 1, onBytes });
        if (bytes === 0 || cursor.isEnough) return cursor.bytes;
      }
    } finally {
      this.#isStaging = false;
    }
  }
}
