/**
 * Brings the blocks of a resource that can only be downloaded from its start: one download, shared by all
 * readers, that fills the block cache.
 *
 * - It runs at most `WINDOW_BYTES` ahead of the farthest byte that anyone has asked for, and pauses there
 *   (the transport's flow control stops the source).
 * - It begins with the body of the probe, if that has not been given up: one request per file.
 * - When the last handle closes it is kept paused for `LINGER_MS`, so that the next open goes on with it.
 * - A block that was evicted again is brought by a new download from the start, checked to be of the same
 *   version.
 */
import { drainBody, InterruptedError, ProtocolError, type Response } from '../source/index.js';
import { BlockFiller } from './block-filler.js';
import type { BlockProvider, BlockRun, ProviderContext } from './block-provider.js';
import { Waiters } from './waiters.js';

const WINDOW_BYTES = 8 * 1024 * 1024;
/** A body that nobody has opened is read this far, so that `stat` learns the length of a small one. */
const UNOPENED_WINDOW_BYTES = 1024 * 1024;
const LINGER_MS = 10_000;

/** Another download has taken the place of this one. */
class SupersededError extends Error {}

interface Download {
  readonly controller: AbortController;
  /** Once there is an answer. That of a probe knows nothing of the controller. */
  response: Response | undefined;
  positionBytes: number;
  filler: BlockFiller | undefined;
  wake: (() => void) | undefined;
}

export class SequentialBlocks implements BlockProvider {
  readonly #context: ProviderContext;
  readonly #onSize: (size: number) => void;
  readonly #sizeWaiters = new Waiters<number>();
  readonly #settleWaiters = new Waiters<boolean>();
  #size: number | undefined;
  #demandEndBytes = 0;
  #download: Download | undefined;
  #unopened: Response | undefined;
  #inUse = false;
  #lingerTimer: NodeJS.Timeout | undefined;

  constructor(context: ProviderContext, size: number | undefined, onSize: (size: number) => void) {
    this.#context = context;
    this.#size = size;
    this.#onSize = onSize;
  }

  /** The download runs ahead by itself. */
  readonly maxAheadBytes = 0;

  get busy(): boolean {
    return this.#download !== undefined || this.#unopened !== undefined;
  }

  /** Somebody waits to see whether the body is short. */
  get isAwaited(): boolean {
    return !this.#settleWaiters.isEmpty;
  }

  /** Takes over the body of the probe. It waits for a reader, except where it is short. */
  fill(response: Response): void {
    if (this.busy || (this.#size !== undefined && !this.#context.blocks.isMissing(0))) {
      response.cancel();
      return;
    }
    const isLong = this.#size !== undefined && this.#size > UNOPENED_WINDOW_BYTES;
    if (isLong) this.#unopened = response;
    else this.#begin(response);
    if (!this.#inUse) this.#linger();
  }

  demand(needed: BlockRun): boolean {
    const { blocks } = this.#context;
    const { blockBytes } = blocks;
    let restart = false;
    for (let index = needed.first; index < this.#cutEnd(needed.end); index += 1) {
      if (!blocks.isMissing(index)) continue;
      blocks.announce(index);
      // It was delivered once and evicted, even if the download is in its midst: then it passes over the block.
      restart ||= index * blockBytes < (this.#download?.positionBytes ?? 0);
    }
    if (restart) this.#stop();
    this.#demandEndBytes = Math.max(this.#demandEndBytes, needed.end * blockBytes);
    if (blocks.pendingCount > 0) this.#goOn();
    else this.#download?.wake?.();
    return true;
  }

  readAhead(): boolean {
    return true;
  }

  unhold(): void {
    // The download is everybody's.
  }

  async whenSizeKnown(signal?: AbortSignal): Promise<number> {
    if (this.#size !== undefined) return this.#size;
    signal?.throwIfAborted();
    this.#demandEndBytes = Infinity;
    const size = this.#sizeWaiters.wait(signal);
    this.#goOn();
    return await size;
  }

  /**
   * Whether the body goes on beyond what is read of it without a reader, or comes for longer than `waitMs`. False
   * also if it was given up, or failed: then the size is not known after it. Rejects with the signal's reason.
   */
  async isLong(waitMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#size !== undefined) return false;
    if (this.#isPaused) return true;
    if (this.#download === undefined) {
      this.#goOn();
      if (!this.#inUse) this.#linger();
    }
    const late = AbortSignal.timeout(waitMs);
    try {
      return await this.#settleWaiters.wait(signal === undefined ? late : AbortSignal.any([signal, late]));
    } catch (error) {
      signal?.throwIfAborted();
      if (late.aborted) return true;
      throw error;
    }
  }

  setInUse(inUse: boolean): void {
    this.#inUse = inUse;
    clearTimeout(this.#lingerTimer);
    if (!inUse) {
      // What was asked for is of no interest any more; the download stays where it is.
      this.#demandEndBytes = this.#download?.positionBytes ?? 0;
      this.#linger();
    }
  }

  close(): void {
    clearTimeout(this.#lingerTimer);
    this.#unopened?.cancel();
    this.#unopened = undefined;
    this.#stop();
    this.#settleWaiters.resolve(false);
    this.#context.blocks.failPending(new InterruptedError(this.#context.url));
    this.#context.onIdle();
  }

  get #isPaused(): boolean {
    return this.#download?.wake !== undefined;
  }

  #cutEnd(end: number): number {
    return this.#size === undefined
      ? end
      : Math.min(end, Math.ceil(this.#size / this.#context.blocks.blockBytes));
  }

  #linger(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = setTimeout(() => this.close(), LINGER_MS).unref();
  }

  #goOn(): void {
    if (this.#download === undefined) this.#begin(this.#unopened);
    else this.#download.wake?.();
  }

  #begin(response: Response | undefined): void {
    this.#unopened = undefined;
    const download = {
      controller: new AbortController(),
      response,
      positionBytes: 0,
      filler: undefined,
      wake: undefined,
    };
    this.#download = download;
    void this.#run(download);
  }

  /** Ends the download without failing the blocks that are waited for: a new one will bring them. */
  #stop(): void {
    const download = this.#download;
    this.#download = undefined;
    download?.controller.abort();
    // Before its memory is given back, which the answer is read into.
    download?.response?.cancel();
    download?.wake?.();
    // The next download must not run ahead of those who wait for it, or it evicts what they come to read.
    download?.filler?.abandon();
    const lastWaited = this.#context.blocks.lastPendingIndex;
    this.#demandEndBytes = this.#sizeWaiters.isEmpty
      ? (lastWaited + 1) * this.#context.blocks.blockBytes
      : Infinity;
  }

  async #run(download: Download): Promise<void> {
    try {
      const { signal } = download.controller;
      download.response ??= await this.#context.download(undefined, undefined, signal);
      download.response.validate();
      await this.#consume(download, download.response);
      if (this.#download === download) this.#finish(download.positionBytes);
    } catch (error) {
      if (this.#download === download) this.#fail(error);
    } finally {
      download.response?.cancel();
    }
  }

  async #consume(download: Download, response: Response): Promise<void> {
    const { url, blocks, memory } = this.#context;
    if ((response.offset ?? 0) !== 0) {
      throw new ProtocolError('the body does not begin at the start', url, {
        expected: 'byte 0',
        found: `byte ${response.offset}`,
      });
    }
    const filler = new BlockFiller({ blocks, memory, position: 0, isBelieved: true });
    download.filler = filler;
    await this.#pauseWhileAhead(download);
    await drainBody(
      response,
      (chunk) => this.#take(download, filler, chunk, 0),
      () => this.#room(download, filler),
    );
    if (this.#download !== download) return;
    if (this.#size !== undefined && filler.position !== this.#size) throw this.#wrongLength(filler.position);
    filler.finish();
    download.filler = undefined;
  }

  /** Takes a chunk from `at` on, block by block. Waits only where there is no memory, or nobody wants more. */
  #take(download: Download, filler: BlockFiller, chunk: Uint8Array, at: number): void | Promise<void> {
    const { memory } = this.#context;
    const end = filler.position + chunk.byteLength - at;
    // Before its last block is filled with what does not belong to it.
    if (this.#size !== undefined && end > this.#size) throw this.#wrongLength(end);
    let taken = at;
    while (taken < chunk.byteLength) {
      if (this.#download !== download) throw new SupersededError();
      const isDue = download.positionBytes < this.#pauseAtBytes();
      if (!filler.hasMemory && !(isDue && memory.tryReserve(1))) {
        return this.#takeLater(download, filler, chunk, taken);
      }
      taken += filler.push(taken === 0 ? chunk : chunk.subarray(taken));
      download.positionBytes = filler.position;
    }
  }

  /** Memory for the next bytes, if there is some and they are wanted. */
  #room(download: Download, filler: BlockFiller): Uint8Array | undefined {
    if (this.#download !== download || download.positionBytes >= this.#pauseAtBytes()) return undefined;
    if (!filler.hasMemory && !this.#context.memory.tryReserve(1)) return undefined;
    const { blockBytes } = this.#context.blocks;
    return filler.room(blockBytes - (filler.position % blockBytes));
  }

  async #takeLater(download: Download, filler: BlockFiller, chunk: Uint8Array, at: number): Promise<void> {
    const { memory, blocks } = this.#context;
    await this.#pauseWhileAhead(download);
    await memory.reserve(1, download.controller.signal);
    if (this.#download !== download) {
      memory.unreserve(1);
      throw new SupersededError();
    }
    const taken = at + filler.push(chunk.subarray(at, at + blocks.blockBytes));
    download.positionBytes = filler.position;
    await this.#take(download, filler, chunk, taken);
  }

  #wrongLength(found: number): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#context.url, {
      expected: `${this.#size} bytes`,
      found: `${found} bytes`,
    });
  }

  async #pauseWhileAhead(download: Download): Promise<void> {
    while (this.#download === download && download.positionBytes >= this.#pauseAtBytes()) {
      await new Promise<void>((resolve) => {
        download.wake = resolve;
        this.#settleWaiters.resolve(true);
      });
      download.wake = undefined;
    }
  }

  #pauseAtBytes(): number {
    const window = this.#inUse
      ? Math.min(WINDOW_BYTES, Math.floor(this.#context.memory.limitBytes / 4))
      : UNOPENED_WINDOW_BYTES;
    return this.#demandEndBytes + window;
  }

  #finish(size: number): void {
    this.#download = undefined;
    this.#size = size;
    this.#onSize(size);
    this.#sizeWaiters.resolve(size);
    this.#settleWaiters.resolve(false);
    // Blocks past the end were asked for while the end was unknown.
    this.#context.blocks.failPastEnd(Math.ceil(size / this.#context.blocks.blockBytes));
    // Blocks that were evicted again while the download ran are still waited for.
    if (this.#context.blocks.pendingCount > 0) this.#begin(undefined);
    else this.#context.onIdle();
  }

  #fail(error: unknown): void {
    this.#download?.filler?.abandon();
    this.#download = undefined;
    this.#sizeWaiters.reject(error);
    this.#settleWaiters.resolve(false);
    this.#context.blocks.failPending(error);
    this.#context.onIdle();
  }
}
