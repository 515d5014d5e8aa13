import { ChangedError, ProtocolError, type Response } from '../../source/index.js';
import type { Block, Filler } from '../blocks/block.js';
import { NO_BLOCKS } from '../blocks/version-blocks.js';
import type { ReadRoute } from '../cache-activity.js';
import { ContentCheck } from '../content-check.js';
import { type BodyPart, CheckedBody } from './checked-body.js';
import type { DownloadContext } from './downloader.js';
import { FilledRun } from './filled-run.js';

export interface SequentialDownloadOptions {
  readonly context: DownloadContext;
  /** Of the blocks that it brings. */
  readonly filler: Filler;
  /** The body of a probe, to begin with. */
  readonly response: Response | undefined;
  /** Undefined: the body shows where the resource ends. */
  readonly sizeBytes: number | undefined;
  /** How far reads need it to go by now. */
  readonly pauseAtBytes: () => number;
  /** It waits for reads to need more, or for those that have the memory. */
  readonly onPause: () => void;
  /** A caller waits for the size: it goes on where there is no memory. */
  readonly isAwaited?: () => boolean;
  readonly open: (signal: AbortSignal) => Promise<Response>;
  /** What comes before is passed over: a multiple of the block size. Default: 0. */
  readonly firstByte?: number;
  readonly route?: ReadRoute;
}

/** The download was stopped. */
class StoppedError extends Error {}

/** So much is read at once: little first, since many bodies are short, then twice as much each time. */
const [FIRST_BATCH_BLOCKS, MAX_BATCH_BYTES] = [2, 1024 * 1024];

/**
 * One download of a resource from its start, which fills blocks as it comes, and pauses where no read needs more. It never waits for
 * memory: demanded blocks have theirs, and others are passed over where there is none.
 */
export class SequentialDownload {
  readonly #options: SequentialDownloadOptions;
  readonly #controller = new AbortController();
  /** Once there is an answer. That of a probe knows nothing of the controller. */
  #response: Response | undefined;
  #wake: (() => void) | undefined;
  /** The blocks that are being filled. */
  #batch: FilledRun | undefined;
  #batchBlocks = FIRST_BATCH_BLOCKS;
  /** Where the batch, or what is being passed over, begins and ends. */
  #positionBytes = 0;
  #endBytes = 0;
  /** Of that. */
  #arrivedBytes = 0;
  /** What is passed over is received here. */
  #passedOver: Uint8Array | undefined;

  constructor(options: SequentialDownloadOptions) {
    this.#options = options;
    this.#response = options.response;
  }

  /** Blocks before come no more. */
  get endBytes(): number {
    return Math.max(this.#endBytes, this.#options.firstByte ?? 0);
  }

  /** Of the body, with what was passed over. */
  get receivedBytes(): number {
    return this.#positionBytes + this.#arrivedBytes;
  }

  /** It has not come to its first byte. */
  get isSkipping(): boolean {
    return this.receivedBytes < (this.#options.firstByte ?? 0);
  }

  get isPaused(): boolean {
    return this.#wake !== undefined;
  }

  /** Reads may need more now. */
  wake(): void {
    this.#wake?.();
  }

  /** Nothing of it is taken any more: reads that wait for blocks that it was filling request them again. */
  stop(): void {
    this.#controller.abort(new StoppedError());
    this.#response?.cancel();
    this.#wake?.();
    this.#batch?.fail();
  }

  /** Resolves to the size in bytes when all of it is there. Rejects with the errors of the source, and when stopped. */
  async run(): Promise<number> {
    const { context, open } = this.#options;
    const { signal } = this.#controller;
    try {
      const response = (this.#response ??= await open(signal));
      response.validate();
      this.#checkOffset(response);
      const { digest } = context.file;
      const check = digest && (await ContentCheck.of(digest));
      const body = new CheckedBody(response, check);
      for (let isAtEnd = this.#leftBytes === 0; !isAtEnd;) {
        signal.throwIfAborted();
        if (this.isAhead) {
          await this.#pause();
          continue;
        }
        const batch = this.#nextBatch();
        if (batch.length > 0) isAtEnd = await this.#receiveBatch(body, batch);
        else if (this.#mayPass) isAtEnd = await this.#passOver(body);
        else await this.#pause();
      }
      return this.#positionBytes;
    } finally {
      // When it was read to its end this does nothing.
      this.#response?.cancel();
    }
  }

  #checkOffset({ offset = 0 }: Response): void {
    if (offset === 0) return;
    throw new ProtocolError('the body does not begin at the start', this.#options.context.url, {
      expected: 'byte 0',
      found: `byte ${offset}`,
    });
  }

  /** No read needs more. */
  get isAhead(): boolean {
    return this.#positionBytes >= this.#options.pauseAtBytes();
  }

  get #leftBytes(): number {
    return (this.#options.sizeBytes ?? Infinity) - this.#positionBytes;
  }

  /** The blocks that come next, and are its to fill: those that are demanded, or missing while there is room. */
  #nextBatch(): Block[] {
    const { context, filler, pauseAtBytes, route = 'source', firstByte = 0 } = this.#options;
    const { blocks } = context;
    const batch: Block[] = [];
    if (this.#positionBytes < firstByte) return batch;
    const maxBytes = Math.min(this.#batchBlocks * blocks.blockBytes, this.#leftBytes);
    const end = Math.min(this.#positionBytes + maxBytes, pauseAtBytes());
    this.#batchBlocks = Math.min(2 * this.#batchBlocks, Math.ceil(MAX_BATCH_BYTES / blocks.blockBytes));
    for (let at = this.#positionBytes; at < end; at += blocks.blockBytes) {
      const index = at / blocks.blockBytes;
      const run = { first: index, end: index + 1 };
      const block = blocks.get(index) ?? blocks.begin(run, NO_BLOCKS, filler, route)[0];
      if (block === undefined || block.state !== 'pending' || block.filler !== filler) break;
      batch.push(block);
    }
    return batch;
  }

  /** Whether the next block is passed over: it is here, others bring it, or there is no room and a later one is needed. */
  get #mayPass(): boolean {
    const { context, filler, isAwaited, firstByte = 0 } = this.#options;
    const { blocks } = context;
    const isMissing = blocks.isMissing(this.#positionBytes / blocks.blockBytes);
    return (
      !isMissing ||
      this.#positionBytes < firstByte ||
      isAwaited?.() === true ||
      blocks.pendingOf(filler).length > 0
    );
  }

  /** Returns whether that was the end of the body. */
  async #receiveBatch(body: CheckedBody, batch: readonly Block[]): Promise<boolean> {
    const { blocks, isStorable } = this.#options.context;
    const run = new FilledRun(blocks, batch, Math.min(batch.length * blocks.blockBytes, this.#leftBytes));
    this.#batch = run;
    try {
      return await this.#read(body, {
        pieces: run.pieces,
        onBytes: (bytes) => run.show(bytes),
        onPiece: isStorable ? (index, checksum) => run.noteChecksum(index, checksum) : undefined,
        onEnd: (bytes, isAtEnd) => run.show(bytes, isAtEnd),
      });
    } finally {
      this.#batch = undefined;
      // What reads wait for is left to the filler, which knows what comes instead.
      run.release();
    }
  }

  /** One block. */
  async #passOver(body: CheckedBody): Promise<boolean> {
    const { blocks } = this.#options.context;
    const memory = (this.#passedOver ??= new Uint8Array(blocks.blockBytes));
    const index = this.#positionBytes / blocks.blockBytes;
    const wanted = memory.subarray(0, Math.min(memory.byteLength, this.#leftBytes));
    return await this.#read(body, {
      pieces: [wanted],
      onEnd: (bytes) => blocks.compare(index, wanted.subarray(0, bytes)),
    });
  }

  /** Reads what comes next. `onEnd` is called when so much of it has come, and is right. Returns whether the body has ended. */
  async #read(
    body: CheckedBody,
    { onBytes, onEnd, ...part }: BodyPart & { onEnd: (bytes: number, isAtEnd: boolean) => void },
  ): Promise<boolean> {
    const { context, sizeBytes } = this.#options;
    const wanted = part.pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const isLast = wanted === this.#leftBytes;
    this.#endBytes = this.#positionBytes + wanted;
    const read = body.read({
      ...part,
      isLast,
      onBytes: (arrived) => {
        this.#arrivedBytes = Math.min(arrived, wanted);
        // The last byte is shown when the body has ended there, and all of it is right.
        onBytes?.(isLast ? Math.min(arrived, wanted - 1) : arrived);
      },
    });
    const bytes = await read.finally(() => body.throwFault());
    this.#controller.signal.throwIfAborted();
    if (sizeBytes !== undefined && (isLast ? bytes !== wanted : bytes < wanted)) {
      throw this.#wrongLength(this.#positionBytes + bytes);
    }
    const isAtEnd = isLast || bytes < wanted;
    if (isAtEnd) body.finish(context.url);
    onEnd(bytes, isAtEnd);
    this.#positionBytes += bytes;
    this.#arrivedBytes = 0;
    return isAtEnd;
  }

  /** Until reads may need more. */
  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#options.onPause();
    });
    this.#wake = undefined;
  }

  /** A response that announced no such length is of another version. */
  #wrongLength(foundBytes: number): ProtocolError | ChangedError {
    const { context, sizeBytes } = this.#options;
    const facts = { expected: `${sizeBytes} bytes`, found: `${foundBytes} bytes` };
    if (this.#response?.contentLength !== sizeBytes) return new ChangedError(context.url, facts);
    return new ProtocolError('the body has a wrong length', context.url, facts);
  }
}
