import {
  CorruptError,
  drainBody,
  InterruptedError,
  ProtocolError,
  type Response,
  Promotion,
} from '../source/index.js';
import type { Block } from './block.js';
import { BlockFiller } from './block-filler.js';
import type { BlockRun, Holder, ProviderContext } from './block-provider.js';
import type { PeerSource } from './peer-source.js';
import { ContentCheck } from './content-check.js';
import type { MemoryShare } from './memory-shares.js';

export interface FetchBegin {
  /** Whether the caller has reserved the memory already. */
  readonly reserved: boolean;
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
  /** It does not come that way. Called before the blocks are lost, which are requested again. */
  readonly onFailure: () => void;
}

/** The body has brought all that is needed of it. */
class EnoughError extends Error {}
/** No cluster brings it now. */
class NotSharedError extends Error {}

/**
 * One ranged download that brings a run of adjacent blocks. Bytes are readable as soon as they arrive. It
 * is cancelled when its last holder lets go.
 */
export class RangedFetch {
  readonly run: BlockRun;
  readonly done: Promise<void>;
  readonly #context: ProviderContext;
  readonly #sizeBytes: number;
  readonly #controller = new AbortController();
  readonly #promotion = new Promotion();
  readonly #holders = new Set<Holder>();
  readonly #announced: readonly Block[];
  /** Once there is an answer. That of a probe knows nothing of the controller. */
  #response: Response | undefined;
  readonly #byPeers: PeerFetch | undefined;
  /** Of `#reserved`. */
  readonly #share: MemoryShare;
  #reserved = 0;
  #stallTimer: NodeJS.Timeout | undefined;
  #fetchedBlocks = 0;

  constructor(context: ProviderContext, run: BlockRun, sizeBytes: number, begin: FetchBegin) {
    this.#context = context;
    this.run = run;
    this.#sizeBytes = sizeBytes;
    this.#share = context.acquireShare();
    if (begin.reserved) this.#reservedBlocks = run.end - run.first;
    const announced: Block[] = [];
    for (let index = run.first; index < run.end; index += 1) announced.push(context.blocks.announce(index));
    this.#announced = announced;
    this.#response = begin.response;
    this.#byPeers = begin.byPeers;
    if (begin.isNeeded) this.#promotion.promote();
    this.done = this.#run();
  }

  get #reservedBlocks(): number {
    return this.#reserved;
  }

  set #reservedBlocks(blocks: number) {
    this.#share.add((blocks - this.#reserved) * this.#context.blocks.blockBytes);
    this.#reserved = blocks;
  }

  /** How much of it is here. */
  get fetchedBytes(): number {
    return this.#fetchedBlocks * this.#context.blocks.blockBytes;
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

  /** The file is open no more: only the fetch itself may retain it. */
  releaseAll(): void {
    if (this.#holders.has(this)) return;
    this.#holders.clear();
    this.#abortIfReleased();
  }

  #abortIfReleased(): void {
    if (this.#holders.size > 0) return;
    // The rest of a block that is arriving already is not worth a connection, nor fetching the block again.
    if ((this.#announced.at(-1)?.visibleBytes ?? 0) > 0) return;
    this.#abort();
  }

  cancel(): void {
    this.#abort(new InterruptedError(this.#context.url));
  }

  /** Without an error, a read that waits for a block of it without retaining it requests the block again. */
  #abort(error?: InterruptedError): void {
    // All blocks are there: the connection is about to be free for the next request.
    if (this.#announced.at(-1)?.isComplete === true) return;
    // In this order: nothing is read into memory that was given back.
    this.#controller.abort(error ?? new InterruptedError(this.#context.url));
    this.#response?.cancel();
    this.#failRest(error);
  }

  async #run(): Promise<void> {
    const { memory } = this.#context;
    const { signal } = this.#controller;
    try {
      if (this.#reservedBlocks === 0) {
        await memory.reserve(this.#announced.length, signal, this.#share);
        // Counted by the share already.
        this.#reserved = this.#announced.length;
      }
      const check = await this.#contentCheck();
      signal.throwIfAborted();
      const { start, end } = this.#byteRange();
      this.#response ??= await this.#open(start, end);
      this.#response.validate();
      await this.#receive(this.#response, start, end, check);
    } catch (error) {
      if (error instanceof CorruptError) this.#context.onCorrupt(error);
      if (this.#byPeers !== undefined && !signal.aborted) {
        this.#byPeers.onFailure();
        this.#failRest();
      } else {
        this.#failRest(error);
      }
    } finally {
      clearTimeout(this.#stallTimer);
      this.#response?.cancel();
      this.#unreserve(this.#reservedBlocks, (blocks) => memory.unreserve(blocks));
      this.#share.release();
    }
  }

  async #open(start: number, end: number): Promise<Response> {
    const { signal } = this.#controller;
    if (this.#byPeers === undefined)
      return await this.#context.download({ start, end }, this.#promotion, signal);
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

  #byteRange(): { start: number; end: number } {
    const { blockBytes } = this.#context.blocks;
    return { start: this.run.first * blockBytes, end: Math.min(this.run.end * blockBytes, this.#sizeBytes) };
  }

  /** Of a run that is all of the version: it is shown when it is known to be right. */
  async #contentCheck(): Promise<ContentCheck | undefined> {
    const { digest } = this.#context;
    const { start, end } = this.#byteRange();
    const isWhole = start === 0 && end === this.#sizeBytes;
    return digest !== undefined && isWhole ? await ContentCheck.of(digest) : undefined;
  }

  async #receive(
    response: Response,
    start: number,
    end: number,
    check: ContentCheck | undefined,
  ): Promise<void> {
    const { url, blocks, memory } = this.#context;
    let skip = start - (response.offset ?? start);
    if (skip < 0) {
      throw new ProtocolError('the body begins too late', url, {
        expected: `byte ${start}`,
        found: `byte ${response.offset}`,
      });
    }
    // A client that reports neither where its body begins nor its length may have ignored the range:
    // then nothing is believed until exactly the requested bytes have come.
    const isValidated = response.offset !== undefined || response.contentLength === end - start;
    // A body that ends where the run ends is read to its own end, which keeps the connection usable.
    const endsWithRun = response.contentLength === skip + end - start;
    const onBlock = (): void => {
      this.#reservedBlocks -= 1;
      this.#fetchedBlocks += 1;
    };
    const isShown = isValidated && check === undefined;
    const route = this.#byPeers === undefined ? 'source' : 'p2p';
    const options = { blocks, memory, position: start, end, isValidated: isShown, onBlock, route } as const;
    const filler = new BlockFiller(options);
    const take = (chunk: Uint8Array): void => {
      this.#controller.signal.throwIfAborted();
      const skipped = Math.min(skip, chunk.byteLength);
      skip -= skipped;
      const leftBytes = end - filler.position;
      if (chunk.byteLength - skipped > leftBytes && !isValidated)
        throw this.#wrongLength(end - start, 'more');
      const until = Math.min(chunk.byteLength, skipped + leftBytes);
      check?.update(chunk.subarray(skipped, until));
      for (let at = skipped; at < until;) {
        at += filler.push(at === 0 && until === chunk.byteLength ? chunk : chunk.subarray(at, until));
      }
      if (filler.position === end && isValidated && !endsWithRun) throw new EnoughError();
    };
    const nextBuffer = (): Uint8Array | undefined => {
      if (skip > 0 || filler.position === end) return undefined;
      return filler.nextBuffer(end - filler.position);
    };
    await drainBody(response, take, nextBuffer).catch((error: unknown) => {
      if (!(error instanceof EnoughError)) throw error;
    });
    if (filler.position < end) throw this.#wrongLength(end - start, `${filler.position - start}`);
    // The blocks of a fetch that was cancelled meanwhile are lost, and must stay so.
    this.#controller.signal.throwIfAborted();
    check?.finish(url);
    filler.finish();
  }

  #wrongLength(expected: number, found: string): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#context.url, {
      expected: `${expected} bytes`,
      found: `${found} bytes`,
    });
  }

  /** The share first: what is given back is granted to others at once. */
  #unreserve(blocks: number, give: (blocks: number) => void): void {
    this.#reservedBlocks -= blocks;
    give(blocks);
  }

  #failRest(error?: unknown): void {
    const { blocks, memory } = this.#context;
    for (const block of this.#announced) {
      if (block.isComplete || block.isLost) continue;
      if (block.memory !== undefined) {
        this.#unreserve(1, () => memory.discard(block));
      }
      blocks.fail(block, error);
    }
  }
}
