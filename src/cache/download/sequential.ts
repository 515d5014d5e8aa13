/**
 * Brings the blocks of a resource that can only be downloaded from its start, by one download for all readers
 * (docs/ARCHITECTURE.md, "Sources without ranges").
 */
import { CorruptError, InterruptedError, type Response } from '../../source/index.js';
import type { Demand, DownloadContext, Downloader } from './downloader.js';
import type { Block } from '../blocks/block.js';
import { SequentialDownload } from './sequential-download.js';
import type { VersionClient } from './version-client.js';
import { Waiters } from './waiters.js';

const WINDOW_BYTES = 8 * 1024 * 1024;
/** The body of a file that no handle has open is read this far, so that `stat` learns the length of a small one. */
const UNOPENED_WINDOW_BYTES = 1024 * 1024;
const LINGER_MS = 10_000;

export class Sequential implements Downloader {
  readonly hasRanges = false;
  readonly isStreamed = true;
  /** The download runs ahead by itself. */
  readonly maxAheadBytes = 0;
  readonly #context: DownloadContext;
  readonly #client: VersionClient;
  readonly #sizeWaiters = new Waiters<number>();
  readonly #settleWaiters = new Waiters<boolean>();
  #demandEndBytes = 0;
  #download: SequentialDownload | undefined;
  #unopened: Response | undefined;
  #inUse = false;
  #lingerTimer: NodeJS.Timeout | undefined;

  constructor(context: DownloadContext, client: VersionClient) {
    this.#context = context;
    this.#client = client;
  }

  get isBusy(): boolean {
    return this.#download !== undefined || this.#unopened !== undefined;
  }

  get isParked(): boolean {
    return this.isBusy && this.#settleWaiters.isEmpty;
  }

  stream(): void {
    // All of it is one stream.
  }

  /** Takes over the body of the probe. It waits for a reader, except where it is short. */
  fill(response: Response): void {
    const { file, blocks } = this.#context;
    const { size } = file;
    if (this.isBusy || (size !== undefined && !blocks.isMissing(0))) {
      response.cancel();
      return;
    }
    if (size !== undefined && size > UNOPENED_WINDOW_BYTES) this.#unopened = response;
    else this.#begin(response);
    if (!this.#inUse) this.#linger();
  }

  demand({ needed }: Demand): boolean {
    const { blocks } = this.#context;
    const missing: number[] = [];
    for (let index = needed.first; index < this.#cutEnd(needed.end); index += 1) {
      if (blocks.isMissing(index)) missing.push(index);
    }
    // What has been passed already comes with a new download.
    const [first = Infinity] = missing;
    if (first * blocks.blockBytes < (this.#download?.endBytes ?? 0)) this.#stop();
    for (const index of missing) blocks.begin({ first: index, end: index + 1 }, needed, this, 'source');
    this.#demandEndBytes = Math.max(this.#demandEndBytes, needed.end * blocks.blockBytes);
    if (missing.length > 0) this.#goOn();
    else this.#download?.wake();
    return true;
  }

  release(): void {
    // The download is everybody's.
  }

  async whenSizeKnown(signal?: AbortSignal): Promise<number> {
    const { size: known } = this.#context.file;
    if (known !== undefined) return known;
    signal?.throwIfAborted();
    this.#demandEndBytes = Infinity;
    const size = this.#sizeWaiters.wait(signal);
    this.#goOn();
    return await size;
  }

  async isLong(waitMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#context.file.size !== undefined) return false;
    if (this.#isPausedAhead) return true;
    if (this.#download === undefined) {
      this.#goOn();
      if (!this.#inUse) this.#linger();
    }
    const late = AbortSignal.timeout(waitMs);
    try {
      const settled = this.#settleWaiters.wait(signal === undefined ? late : AbortSignal.any([signal, late]));
      // It may go on now.
      this.#download?.wake();
      return await settled;
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
      // The requested blocks are not needed any more; the download stays where it is.
      this.#demandEndBytes = this.#download?.receivedBytes ?? 0;
      if (this.isBusy) this.#linger();
    }
  }

  close(): void {
    this.#unopened?.cancel();
    this.#unopened = undefined;
    this.#stop();
    this.#fail(new InterruptedError(this.#context.url));
  }

  /** The blocks that reads wait for. */
  get #pending(): readonly Block[] {
    return this.#context.blocks.pendingOf(this);
  }

  get #isPausedAhead(): boolean {
    return this.#download?.isPaused === true && this.#download.isAhead;
  }

  #cutEnd(end: number): number {
    const { file, blocks } = this.#context;
    return Math.min(end, Math.ceil((file.size ?? Infinity) / blocks.blockBytes));
  }

  #linger(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = setTimeout(() => this.close(), LINGER_MS).unref();
  }

  #goOn(): void {
    if (this.#download === undefined) this.#begin(this.#unopened);
    else this.#download.wake();
  }

  #begin(response: Response | undefined): void {
    this.#unopened = undefined;
    const download = new SequentialDownload({
      context: this.#context,
      response,
      sizeBytes: this.#context.file.size,
      filler: this,
      open: (signal) => this.#client.download(undefined, undefined, signal),
      pauseAtBytes: () => this.#pauseAtBytes(),
      isAwaited: () => !this.#sizeWaiters.isEmpty || !this.#settleWaiters.isEmpty,
      onPause: () => {
        if (this.#isPausedAhead) this.#settleWaiters.resolve(true);
      },
    });
    this.#download = download;
    void this.#run(download);
  }

  async #run(download: SequentialDownload): Promise<void> {
    try {
      const size = await download.run();
      if (this.#download === download) this.#finish(size);
    } catch (error) {
      if (error instanceof CorruptError) this.#context.setCorrupt(error);
      if (this.#download === download) this.#fail(error);
    }
  }

  /** Ends the download without failing the blocks that are waited for: a new one will bring them. */
  #stop(): void {
    const download = this.#download;
    this.#download = undefined;
    download?.stop();
    // The next download must not run ahead of the waiting reads, or it evicts what they need.
    const lastWaited = Math.max(-1, ...this.#pending.map(({ index }) => index));
    this.#demandEndBytes = this.#sizeWaiters.isEmpty
      ? (lastWaited + 1) * this.#context.blocks.blockBytes
      : Infinity;
  }

  #pauseAtBytes(): number {
    const window = this.#inUse
      ? Math.min(WINDOW_BYTES, Math.floor(this.#context.blocks.pool.limitBytes / 4))
      : UNOPENED_WINDOW_BYTES;
    return this.#demandEndBytes + window;
  }

  #finish(size: number): void {
    this.#download = undefined;
    this.#context.learn({ size });
    this.#sizeWaiters.resolve(size);
    this.#settleWaiters.resolve(false);
    // Blocks past the end were requested while the end was unknown.
    const { blocks } = this.#context;
    for (const block of this.#pending) {
      if (block.index * blocks.blockBytes >= size) blocks.fail(block);
    }
    // What was demanded after it was passed is still waited for.
    if (this.#pending.length > 0) this.#begin(undefined);
    else this.#rest();
  }

  #fail(error: unknown): void {
    this.#download = undefined;
    this.#sizeWaiters.reject(error);
    this.#settleWaiters.resolve(false);
    for (const block of this.#pending) this.#context.blocks.fail(block, error);
    this.#rest();
  }

  /** Nothing is in flight: the next read of the version may use another object, which this must not end. */
  #rest(): void {
    clearTimeout(this.#lingerTimer);
    this.#context.endIfIdle();
  }
}
