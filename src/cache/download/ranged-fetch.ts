import {
  type BodyReader,
  bodyReader,
  CorruptError,
  InterruptedError,
  ProtocolError,
  Promotion,
  type Response,
} from '../../source/index.js';
import type { Block } from '../blocks/block.js';
import { ContentCheck } from '../content-check.js';
import type { DownloadContext, Holder } from './downloader.js';
import type { PeerSource } from './peer-source.js';
import { partsOf } from './pieces.js';

export interface FetchBegin {
  /** Whether a reader waits for some of it, or it is readahead alone. */
  readonly isNeeded: boolean;
  /** An answer that is there already. */
  readonly response?: Response;
  readonly byPeers?: PeerFetch;
}

/** It comes by way of a cluster of Dragonfly. */
export interface PeerFetch {
  readonly peers: PeerSource;
  /** What is requested, of which the run is a part: the same for all nodes. */
  readonly window: { readonly start: number; readonly end: number };
  /** It does not come that way. Called before the blocks are gone, which are requested again. */
  readonly onFailure: () => void;
}

/** No cluster brings it now. */
class NotSharedError extends Error {}

/**
 * One ranged download that brings a run of adjacent blocks, whose memory it has from the beginning. Bytes are readable as soon as
 * they arrive. It is cancelled when its last holder lets go.
 */
export class RangedFetch {
  readonly done: Promise<void>;
  readonly #context: DownloadContext;
  readonly #blocks: readonly Block[];
  readonly #start: number;
  readonly #end: number;
  /** All of the version. */
  readonly #isWhole: boolean;
  readonly #controller = new AbortController();
  readonly #promotion = new Promotion();
  readonly #holders = new Set<Holder>();
  readonly #byPeers: PeerFetch | undefined;
  /** Once there is an answer. That of a probe knows nothing of the controller. */
  #response: Response | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  /** So many blocks from the first on are complete. */
  #completed = 0;

  constructor(context: DownloadContext, blocks: readonly Block[], sizeBytes: number, begin: FetchBegin) {
    const { blockBytes, pool } = context.blocks;
    this.#context = context;
    this.#blocks = blocks;
    this.#start = this.first * blockBytes;
    this.#end = Math.min(this.endBlock * blockBytes, sizeBytes);
    this.#isWhole = this.#start === 0 && this.#end === sizeBytes;
    for (const block of blocks) pool.acquire(block);
    this.#response = begin.response;
    this.#byPeers = begin.byPeers;
    if (begin.isNeeded) this.#promotion.promote();
    this.done = this.#run();
  }

  get first(): number {
    return this.#blocks[0]?.index ?? 0;
  }

  get endBlock(): number {
    return this.first + this.#blocks.length;
  }

  /** How much of it is here. */
  get fetchedBytes(): number {
    return this.#completed * this.#context.blocks.blockBytes;
  }

  acquire(holder: Holder): void {
    this.#holders.add(holder);
  }

  /** A read waits for some of it: it goes before what is fetched for later. */
  need(holder: Holder): void {
    this.acquire(holder);
    this.#promotion.promote();
  }

  release(holder: Holder): void {
    if (this.#holders.delete(holder)) this.#abortIfReleased();
  }

  /** The file is open no more: only the fetch itself may hold it. */
  releaseAll(): void {
    if (this.#holders.has(this)) return;
    this.#holders.clear();
    this.#abortIfReleased();
  }

  #abortIfReleased(): void {
    if (this.#holders.size > 0) return;
    // The rest of a block that is arriving already is not worth a connection, nor fetching the block again.
    if ((this.#blocks.at(-1)?.visibleBytes ?? 0) > 0) return;
    this.#abort();
  }

  cancel(): void {
    this.#abort(new InterruptedError(this.#context.url));
  }

  /** Without an error, a read that waits for a block of it without holding it requests the block again. */
  #abort(error?: InterruptedError): void {
    // All blocks are there: the connection is about to be free for the next request.
    if (this.#completed === this.#blocks.length) return;
    this.#controller.abort(error ?? new InterruptedError(this.#context.url));
    this.#response?.cancel();
    for (const block of this.#blocks) this.#context.blocks.fail(block, error);
  }

  async #run(): Promise<void> {
    const { blocks, digest, onCorrupt } = this.#context;
    const { signal } = this.#controller;
    let failure: unknown;
    try {
      this.#response ??= await this.#open();
      signal.throwIfAborted();
      this.#response.validate();
      // What is all of the version is shown when it is known to be right.
      const expected = this.#isWhole ? digest() : undefined;
      const check = expected && (await ContentCheck.of(expected));
      signal.throwIfAborted();
      await this.#receive(this.#response, check);
    } catch (error) {
      if (error instanceof CorruptError) onCorrupt(error);
      if (this.#byPeers === undefined || signal.aborted) failure = error;
      else this.#byPeers.onFailure();
    } finally {
      clearTimeout(this.#stallTimer);
      this.#response?.cancel();
      for (const block of this.#blocks.slice(this.#completed)) {
        blocks.fail(block, failure);
        blocks.pool.release(block);
      }
    }
  }

  async #open(): Promise<Response> {
    const { signal } = this.#controller;
    if (this.#byPeers === undefined) {
      const range = { start: this.#start, end: this.#end };
      return await this.#context.download(range, this.#promotion, signal);
    }
    const { peers, window } = this.#byPeers;
    const priority = this.#promotion.isPromoted ? 'foreground' : 'background';
    const response = await peers.download(window, priority, signal);
    if (response === undefined) throw new NotSharedError();
    this.#stallTimer = setTimeout(() => {
      response.refuse?.('stall');
      response.cancel();
    }, peers.stallMs).unref();
    return response;
  }

  async #receive(response: Response, check: ContentCheck | undefined): Promise<void> {
    const { url, isStored } = this.#context;
    const length = this.#end - this.#start;
    const skip = this.#start - (response.offset ?? this.#start);
    if (skip < 0) {
      throw new ProtocolError('the body begins too late', url, {
        expected: `byte ${this.#start}`,
        found: `byte ${response.offset}`,
      });
    }
    // A client that reports neither where its body begins nor its length may have ignored the range:
    // then nothing is believed until exactly the requested bytes have come.
    const isValidated = response.offset !== undefined || response.contentLength === length;
    // A body that ends where the run ends is read to its own end, which keeps the connection usable: a byte more shows it.
    const isReadToEnd = !isValidated || response.contentLength === skip + length;
    const pieces = this.#pieces;
    const body = bodyReader(response);
    await passOver(body, skip, pieces);
    const checksums: number[] = [];
    let checked = 0;
    const bytes = await body.read({
      pieces: isReadToEnd ? [...pieces, new Uint8Array(1)] : pieces,
      onBytes: (arrived) => {
        const until = Math.min(arrived, length);
        if (check !== undefined) for (const part of partsOf(pieces, checked, until)) check.update(part);
        checked = until;
        if (isValidated && check === undefined) this.#show(until, checksums);
      },
      ...(isStored ? { onPiece: (index, checksum) => (checksums[index] = checksum) } : {}),
    });
    if (bytes < length) throw this.#wrongLength(length, `${bytes}`);
    if (bytes > length && !isValidated) throw this.#wrongLength(length, 'more');
    check?.finish(url);
    this.#show(length, checksums);
  }

  get #pieces(): Uint8Array[] {
    const lastBytes = this.#end - (this.endBlock - 1) * this.#context.blocks.blockBytes;
    return this.#blocks.map(({ memory }, i) =>
      i === this.#blocks.length - 1 ? memory.subarray(0, lastBytes) : memory,
    );
  }

  /** The first `bytes` bytes of the run are there, and right. */
  #show(bytes: number, checksums: readonly number[]): void {
    const { blocks } = this.#context;
    for (
      let block = this.#blocks[this.#completed];
      block !== undefined;
      block = this.#blocks[this.#completed]
    ) {
      // The blocks of a fetch that was cancelled meanwhile are gone.
      if (this.#controller.signal.aborted) return;
      const at = this.#completed * blocks.blockBytes;
      const length = Math.min(blocks.blockBytes, this.#end - this.#start - at);
      if (bytes < at + length) {
        if (bytes > at) block.advance(bytes - at);
        return;
      }
      this.#completed += 1;
      blocks.completeBlock(block, length, checksums[this.#completed - 1]);
    }
  }

  #wrongLength(expected: number, found: string): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#context.url, {
      expected: `${expected} bytes`,
      found: `${found} bytes`,
    });
  }
}

/** Reads bytes that are not needed, into memory that is written over. */
async function passOver(body: BodyReader, bytes: number, pieces: readonly Uint8Array[]): Promise<void> {
  for (let left = bytes; left > 0;) {
    const passed = await body.read({ pieces: partsOf(pieces, 0, left) });
    // It has ended: the next read shows it.
    if (passed === 0) return;
    left -= passed;
  }
}
