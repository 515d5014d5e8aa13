/**
 * All of a version by way of a cluster of Dragonfly: one body from its start, which fills blocks as its readers come
 * (docs/P2P.md). It may end at any byte: what it does not bring is fetched from the source.
 */
import { CorruptError, type RequestPriority, type Response } from '../../source/index.js';
import type { BlockRun } from '../blocks/version-blocks.js';
import type { DownloadContext } from './downloader.js';
import type { PeerSource } from './peer-source.js';
import { SequentialDownload } from './sequential-download.js';

/** How far it runs ahead of its readers. */
const WINDOW_BYTES = 8 * 1024 * 1024;
/** A read so far beyond it is not in its order. */
const REACH_BYTES = 16 * 1024 * 1024;
/** Less than this, for a reader that could take more, is a cluster that keeps its readers waiting. */
const MIN_BYTES_PER_MS = 1024;

export interface PeerStreamOptions {
  readonly context: DownloadContext;
  readonly peers: PeerSource;
  readonly sizeBytes: number;
  /** What comes before is passed over. */
  readonly firstBlock: number;
  readonly priority: RequestPriority;
  /** `isComplete`: it has come to the end of the version, or no read needed it any more. */
  readonly onEnd: (isComplete: boolean) => void;
}

export class PeerStream {
  readonly #options: PeerStreamOptions;
  readonly #download: SequentialDownload;
  #response: Response | undefined;
  #demandEndBytes: number;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Since the last look: it had brought more than its readers need; one of them came. */
  #wasAhead = false;
  #wasNeeded = false;

  constructor(options: PeerStreamOptions) {
    const { context, sizeBytes, firstBlock } = options;
    this.#options = options;
    this.#demandEndBytes = firstBlock * this.#blockBytes;
    this.#download = new SequentialDownload({
      context,
      filler: this,
      response: undefined,
      sizeBytes,
      pauseAtBytes: () =>
        this.#demandEndBytes + Math.min(WINDOW_BYTES, Math.floor(context.blocks.pool.limitBytes / 4)),
      onPause: () => {
        this.#wasAhead = true;
      },
      open: (signal) => this.#open(signal),
      firstByte: firstBlock * this.#blockBytes,
      route: 'p2p',
    });
    void this.#run();
  }

  /** Takes over the missing blocks of a read that it will bring. Returns what is left to be fetched otherwise. */
  take(needed: BlockRun, aheadEnd: number): BlockRun {
    const { blocks } = this.#options.context;
    const first = Math.ceil(this.#download.endBytes / this.#blockBytes);
    const reach = first + Math.ceil(REACH_BYTES / this.#blockBytes);
    const end = Math.max(needed.end, aheadEnd);
    if (needed.first >= reach) return { first: needed.first, end };
    if (needed.end <= first) return { first: needed.first, end: Math.min(end, first) };
    const last = Math.ceil(this.#options.sizeBytes / this.#blockBytes);
    for (let index = Math.max(needed.first, first); index < Math.min(needed.end, last); index += 1) {
      if (blocks.isMissing(index)) blocks.begin({ first: index, end: index + 1 }, needed, this, 'p2p');
    }
    this.#demandEndBytes = Math.max(this.#demandEndBytes, needed.end * this.#blockBytes);
    this.#wasNeeded = true;
    this.#download.wake();
    return { first: needed.first, end: Math.min(first, needed.end) };
  }

  close(): void {
    this.#end(true);
  }

  get #blockBytes(): number {
    return this.#options.context.blocks.blockBytes;
  }

  async #open(signal: AbortSignal): Promise<Response> {
    const response = await this.#options.peers.download(undefined, this.#options.priority, signal);
    this.#response = response;
    if (!this.#isClosed) this.#watch();
    return response;
  }

  async #run(): Promise<void> {
    try {
      await this.#download.run();
      this.#end(true);
    } catch (error) {
      if (!(error instanceof CorruptError)) {
        this.#end(false);
        return;
      }
      this.#response?.refuse?.('mismatch');
      this.#options.context.setCorrupt(error);
      // What a read got before was wrong: it must not end well.
      this.#end(false, error);
    }
  }

  /** Without an error, waiting reads request again what they lack. */
  #end(isComplete: boolean, error?: CorruptError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#download.stop();
    this.#options.onEnd(isComplete);
    const { blocks } = this.#options.context;
    for (const block of blocks.pendingOf(this)) blocks.fail(block, error);
  }

  /** From when there is a response; until then, the source limits the wait. */
  #watch(): void {
    const { peers } = this.#options;
    let before = 0;
    this.#timer = setInterval(() => {
      const { receivedBytes, isPaused, isSkipping } = this.#download;
      const isSlow = isSkipping || receivedBytes - before < MIN_BYTES_PER_MS * peers.stallMs;
      const [wasAhead, wasNeeded] = [this.#wasAhead || isPaused, this.#wasNeeded];
      before = receivedBytes;
      [this.#wasAhead, this.#wasNeeded] = [false, false];
      if (!wasAhead && isSlow) {
        this.#response?.refuse?.('stall');
        this.#end(false);
      } else if (!wasNeeded && isPaused) {
        // It holds a connection.
        this.#end(true);
      }
    }, peers.stallMs).unref();
  }
}
