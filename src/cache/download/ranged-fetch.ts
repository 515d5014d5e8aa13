import {
  CorruptError,
  InterruptedError,
  ProtocolError,
  Promotion,
  type Response,
} from '../../source/index.js';
import type { Block } from '../blocks/block.js';
import { ContentCheck } from '../content-check.js';
import { CheckedBody } from './checked-body.js';
import type { DownloadContext, Holder } from './downloader.js';
import { FilledRun } from './filled-run.js';

export interface FetchOptions {
  /** Whether a reader waits for some of it, or it is readahead alone. */
  readonly isNeeded: boolean;
  /** Requests it, or more than it. */
  readonly open: (promotion: Promotion, signal: AbortSignal) => Promise<Response> | Response;
  /** It may come otherwise: called when it does not come so, before its blocks are gone, which are requested again. */
  readonly onFailure?: () => void;
}

/**
 * One ranged download that brings a run of adjacent blocks, whose memory it has from the beginning. Bytes are readable as soon as
 * they arrive. It is cancelled when its last holder lets go.
 */
export class RangedFetch {
  readonly done: Promise<void>;
  readonly #context: DownloadContext;
  readonly #options: FetchOptions;
  readonly #blocks: readonly Block[];
  readonly #run: FilledRun;
  readonly #start: number;
  /** All of the version. */
  readonly #isWhole: boolean;
  readonly #controller = new AbortController();
  readonly #promotion = new Promotion();
  readonly #holders = new Set<Holder>();
  /** Once there is an answer. That of a probe knows nothing of the controller. */
  #response: Response | undefined;

  constructor(context: DownloadContext, blocks: readonly Block[], sizeBytes: number, options: FetchOptions) {
    const { blockBytes } = context.blocks;
    this.#context = context;
    this.#options = options;
    this.#blocks = blocks;
    this.#start = this.first * blockBytes;
    const bytes = Math.min(blocks.length * blockBytes, sizeBytes - this.#start);
    this.#isWhole = bytes === sizeBytes;
    this.#run = new FilledRun(context.blocks, blocks, bytes);
    if (options.isNeeded) this.#promotion.promote();
    this.done = this.#fetch();
  }

  get first(): number {
    return this.#blocks[0]?.index ?? 0;
  }

  get endBlock(): number {
    return this.first + this.#blocks.length;
  }

  /** How much of it is here. */
  get fetchedBytes(): number {
    return this.#run.completed * this.#context.blocks.blockBytes;
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
    if (this.#run.isComplete) return;
    this.#controller.abort(error ?? new InterruptedError(this.#context.url));
    this.#response?.cancel();
    this.#run.fail(error);
  }

  async #fetch(): Promise<void> {
    const { open, onFailure } = this.#options;
    const { signal } = this.#controller;
    let failure: unknown;
    try {
      const opened = open(this.#promotion, signal);
      this.#response = opened instanceof Promise ? await opened : opened;
      signal.throwIfAborted();
      this.#response.validate();
      await this.#receive(this.#response);
    } catch (error) {
      if (error instanceof CorruptError) this.#context.setCorrupt(error);
      if (onFailure === undefined || signal.aborted) failure = error;
      else onFailure();
    } finally {
      this.#response?.cancel();
      this.#run.fail(failure);
      this.#run.release();
    }
  }

  async #receive(response: Response): Promise<void> {
    const { url, file, isStorable } = this.#context;
    const { bytes: length, pieces } = this.#run;
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
    // What is all of the version is shown when it is known to be right.
    const expected = this.#isWhole ? file.digest : undefined;
    const check = expected && (await ContentCheck.of(expected));
    const { signal } = this.#controller;
    signal.throwIfAborted();
    const body = new CheckedBody(response, check);
    if (skip > 0) await body.passOver(skip, pieces);
    const bytes = await body.read({
      pieces,
      // A body that ends where the run ends is read to its own end, which keeps the connection usable.
      isLast: !isValidated || response.contentLength === skip + length,
      onBytes: (arrived) => {
        // The blocks of a fetch that was cancelled meanwhile are gone.
        if (isValidated && check === undefined && !signal.aborted) this.#run.show(Math.min(arrived, length));
      },
      onPiece: isStorable ? (index, checksum) => this.#run.noteChecksum(index, checksum) : undefined,
    });
    if (bytes < length || (bytes > length && !isValidated)) {
      throw new ProtocolError('the body has a wrong length', url, {
        expected: `${length} bytes`,
        found: bytes < length ? `${bytes} bytes` : 'more bytes',
      });
    }
    body.finish(url);
    if (!signal.aborted) this.#run.show(length);
  }
}
