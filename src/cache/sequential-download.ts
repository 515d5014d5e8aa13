import { drainBody, ProtocolError, type Response } from '../source/index.js';
import type { Block } from './block.js';
import { BlockFiller } from './block-filler.js';
import type { ProviderContext } from './block-provider.js';
import type { ReadRoute } from './cache-activity.js';
import { ContentCheck } from './content-check.js';

export interface SequentialDownloadOptions {
  readonly context: ProviderContext;
  /** The body of a probe, to begin with. */
  readonly response: Response | undefined;
  /** Undefined: the body shows where the resource ends. */
  readonly sizeBytes: number | undefined;
  /** How far reads need it to go by now. */
  readonly pauseAtBytes: () => number;
  readonly onPause: () => void;
  /** Default: of the source. */
  readonly open?: (signal: AbortSignal) => Promise<Response>;
  /** What comes before is passed over: a multiple of the block size. Default: 0. */
  readonly firstByte?: number;
  /** `BlockFillerOptions`. */
  readonly own?: Set<Block>;
  readonly route?: ReadRoute;
}

/** The download was stopped. */
class StoppedError extends Error {}

/** One download of a resource from its start, which fills blocks as it comes, and pauses where no read needs more. */
export class SequentialDownload {
  readonly #options: SequentialDownloadOptions;
  readonly #controller = new AbortController();
  readonly #filler: BlockFiller;
  /** Once there is an answer. That of a probe knows nothing of the controller. */
  #response: Response | undefined;
  #wake: (() => void) | undefined;
  #isStopped = false;
  /** Bytes that are still passed over. */
  #skipBytes: number;
  #receivedBytes = 0;

  constructor(options: SequentialDownloadOptions) {
    const { blocks, memory } = options.context;
    const { own, route, firstByte: position = 0 } = options;
    this.#options = options;
    this.#response = options.response;
    this.#skipBytes = position;
    this.#filler = new BlockFiller({
      blocks,
      memory,
      position,
      isValidated: true,
      ...(own === undefined ? {} : { own }),
      ...(route === undefined ? {} : { route }),
    });
  }

  /** How far it has come. */
  get positionBytes(): number {
    return this.#filler.position;
  }

  /** It has not come to its first byte. */
  get isSkipping(): boolean {
    return this.#skipBytes > 0;
  }

  /** Of the body, with what was passed over. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get isPaused(): boolean {
    return this.#wake !== undefined;
  }

  /** Reads may need more now. */
  wake(): void {
    this.#wake?.();
  }

  /** Nothing of it is taken any more: its block in flight is left to the next filler. */
  stop(): void {
    this.#isStopped = true;
    this.#controller.abort();
    // Before its memory is given back, which the answer is read into.
    this.#response?.cancel();
    this.#wake?.();
    this.#filler.abandon();
  }

  /** Resolves to the size in bytes when all of it is there. Rejects with the errors of the source, and when stopped. */
  async run(): Promise<number> {
    const { context, sizeBytes, open } = this.#options;
    const { signal } = this.#controller;
    try {
      const response = (this.#response ??=
        open === undefined ? await context.download(undefined, undefined, signal) : await open(signal));
      response.validate();
      this.#checkOffset(response);
      await this.#pauseWhileAhead();
      const check = context.digest && (await ContentCheck.of(context.digest));
      await drainBody(
        response,
        (chunk) => {
          check?.update(chunk);
          const skipped = Math.min(this.#skipBytes, chunk.byteLength);
          this.#skipBytes -= skipped;
          this.#receivedBytes += chunk.byteLength;
          // Its last bytes are not shown before.
          if (this.positionBytes + chunk.byteLength - skipped === sizeBytes) check?.finish(context.url);
          return this.#take(chunk, skipped);
        },
        () => this.#nextBuffer(),
      );
      if (this.#isStopped) throw new StoppedError();
      if (sizeBytes !== undefined && this.positionBytes !== sizeBytes) {
        throw this.#wrongLength(this.positionBytes);
      }
      if (sizeBytes === undefined) check?.finish(context.url);
      this.#filler.finish();
      return this.positionBytes;
    } catch (error) {
      // In this order: nothing is read into memory that was given back.
      this.#response?.cancel();
      this.#filler.abandon();
      throw error;
    }
  }

  #checkOffset({ offset = 0 }: Response): void {
    if (offset === 0) return;
    throw new ProtocolError('the body does not begin at the start', this.#options.context.url, {
      expected: 'byte 0',
      found: `byte ${offset}`,
    });
  }

  get #isAhead(): boolean {
    return this.positionBytes >= this.#options.pauseAtBytes();
  }

  /** Takes a chunk from `at` on, block by block. Waits only where there is no memory, or no read needs more. */
  #take(chunk: Uint8Array, at: number): void | Promise<void> {
    const { context, sizeBytes } = this.#options;
    const end = this.positionBytes + chunk.byteLength - at;
    // Before its last block is filled with what does not belong to it.
    if (sizeBytes !== undefined && end > sizeBytes) throw this.#wrongLength(end);
    let taken = at;
    while (taken < chunk.byteLength) {
      if (this.#isStopped) throw new StoppedError();
      if (!this.#filler.hasMemory && (this.#isAhead || !context.memory.tryReserve(1))) {
        return this.#takeLater(chunk, taken);
      }
      taken += this.#filler.push(taken === 0 ? chunk : chunk.subarray(taken));
    }
  }

  async #takeLater(chunk: Uint8Array, at: number): Promise<void> {
    const { memory, blocks } = this.#options.context;
    await this.#pauseWhileAhead();
    await memory.reserve(1, this.#controller.signal);
    if (this.#isStopped) {
      memory.unreserve(1);
      throw new StoppedError();
    }
    const taken = at + this.#filler.push(chunk.subarray(at, at + blocks.blockBytes));
    await this.#take(chunk, taken);
  }

  /** Memory for the next bytes, if there is some and a read needs them. */
  #nextBuffer(): Uint8Array | undefined {
    const { blocks, memory } = this.#options.context;
    if (this.#isStopped || this.#isAhead || this.#skipBytes > 0) return undefined;
    if (!this.#filler.hasMemory && !memory.tryReserve(1)) return undefined;
    return this.#filler.nextBuffer(blocks.blockBytes - (this.positionBytes % blocks.blockBytes));
  }

  async #pauseWhileAhead(): Promise<void> {
    while (!this.#isStopped && this.#isAhead) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#options.onPause();
      });
      this.#wake = undefined;
    }
  }

  #wrongLength(foundBytes: number): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#options.context.url, {
      expected: `${this.#options.sizeBytes} bytes`,
      found: `${foundBytes} bytes`,
    });
  }
}
