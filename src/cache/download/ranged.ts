import type { Promotion, Response } from '../../source/index.js';
import type { Block } from '../blocks/block.js';
import type { BlockRun } from '../blocks/version-blocks.js';
import type { Demand, DownloadContext, Downloader, Holder } from './downloader.js';
import { LinkSpeed } from './link-speed.js';
import { PeerStream } from './peer-stream.js';
import { windowOf } from './peer-window.js';
import { type FetchOptions, RangedFetch } from './ranged-fetch.js';
import type { VersionClient } from './version-client.js';

/** So much of a body is passed over for a reader that needs the rest. */
const NEAR_BYTES = 4 * 1024 * 1024;
/** Of the memory that may be in use with the body of a probe: what waits for the disk takes three quarters at most. */
const PROBED_SHARE = 7 / 8;

/** Brings blocks by ranged requests: one for each run of adjacent missing blocks, cut to what suits the link. */
export class Ranged implements Downloader {
  readonly hasRanges = true;
  readonly isParked = false;
  readonly #context: DownloadContext;
  readonly #client: VersionClient;
  readonly #sizeBytes: number;
  readonly #fetches = new Set<RangedFetch>();
  readonly #speed = new LinkSpeed();
  #stream: PeerStream | undefined;
  /** A stream has come to its end: dfdaemon has all of it. */
  #hasStreamed = false;
  /** What went by a cluster failed, or was not to be had. */
  #isPeerless = false;

  constructor(context: DownloadContext, client: VersionClient, sizeBytes: number) {
    this.#context = context;
    this.#client = client;
    this.#sizeBytes = sizeBytes;
  }

  get isBusy(): boolean {
    return this.#fetches.size > 0 || this.#stream !== undefined;
  }

  /** It comes by a cluster. */
  get isStreamed(): boolean {
    return this.#stream !== undefined;
  }

  get maxAheadBytes(): number {
    const { limitBytes, shareBytes } = this.#context.blocks.pool;
    return Math.floor(Math.min(this.#speed.windowBytes, limitBytes / 4, shareBytes));
  }

  demand({ needed, aheadEnd, reader, ahead }: Demand): boolean {
    const isNeeded = needed.end > needed.first;
    for (const fetch of this.#fetches) {
      if (fetch.first >= needed.end || needed.first >= fetch.endBlock) continue;
      if (isNeeded) fetch.need(reader);
      else fetch.acquire(reader);
    }
    const end = Math.max(needed.end, aheadEnd);
    const left = this.#stream?.take(needed, aheadEnd) ?? { first: needed.first, end };
    for (const run of this.#missingRuns(left)) {
      const fetch = this.#start(run, needed);
      if (fetch === undefined) return false;
      if (run.first < needed.end) fetch.acquire(reader);
      if (fetch.endBlock > needed.end) fetch.acquire(ahead);
      if (fetch.endBlock < run.end) return false;
    }
    return true;
  }

  /** Not from far behind the beginning, since all of the body comes, unless it is a prefetch, or dfdaemon has it already. */
  stream(run: BlockRun, isPrefetch: boolean): void {
    const { peers } = this.#client;
    const { blocks } = this.#context;
    if (peers === undefined || this.#stream !== undefined || this.#isPeerless) return;
    let firstBlock = run.first;
    while (firstBlock < run.end && !blocks.isMissing(firstBlock)) firstBlock += 1;
    const isNear = firstBlock * blocks.blockBytes <= NEAR_BYTES;
    if (firstBlock === run.end || !(isNear || isPrefetch || this.#hasStreamed)) return;
    this.#stream = new PeerStream({
      context: this.#context,
      peers,
      sizeBytes: this.#sizeBytes,
      firstBlock,
      priority: isPrefetch ? 'background' : 'foreground',
      onEnd: (isComplete) => {
        this.#stream = undefined;
        if (isComplete) this.#hasStreamed = true;
        else this.#isPeerless = true;
        this.#context.endIfIdle();
      },
    });
  }

  fill(response: Response, probeBytes: number): void {
    const { blocks } = this.#context;
    const { blockBytes } = blocks;
    const isWhole = this.#sizeBytes <= probeBytes;
    const end = isWhole ? Math.ceil(this.#sizeBytes / blockBytes) : Math.floor(probeBytes / blockBytes);
    const [run] = this.#missingRuns({ first: 0, end });
    const begun = run?.first === 0 ? this.#beginProbed(run) : [];
    if (begun.length === 0) {
      response.cancel();
      return;
    }
    // Held by itself: a few blocks that are arriving already are never worth cancelling.
    const fetch = this.#track(begun, { isNeeded: true, open: () => response });
    fetch.acquire(fetch);
  }

  /** An open most likely reads it next: small files that wait for the disk must not make each of them a second request. */
  #beginProbed(run: BlockRun): readonly Block[] {
    const { pool } = this.#context.blocks;
    const slots = run.end - run.first;
    if (!pool.hasRoomAhead(slots, PROBED_SHARE)) return [];
    pool.promise(slots);
    const begun = this.#begin(run, run);
    pool.promise(0);
    return begun;
  }

  release(holder: Holder): void {
    for (const fetch of this.#fetches) fetch.release(holder);
  }

  whenSizeKnown(): Promise<number> {
    return Promise.resolve(this.#sizeBytes);
  }

  isLong(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** An abandoned stream holds its fetches as long as other handles have the file open, which may need them. */
  setInUse(inUse: boolean): void {
    if (!inUse) for (const fetch of this.#fetches) fetch.releaseAll();
  }

  close(): void {
    this.#stream?.close();
    for (const fetch of this.#fetches) fetch.cancel();
  }

  /** Starts the fetch of a run; only of what is needed when memory is short. Undefined: nothing is. */
  #start(run: BlockRun, needed: BlockRun): RangedFetch | undefined {
    const isNeeded = run.first < needed.end;
    const shared = this.#startWindow(run, needed);
    if (shared !== undefined) return shared;
    const begun = this.#begin(run, needed);
    if (begun.length === 0) return undefined;
    const { blockBytes } = this.#context.blocks;
    const start = run.first * blockBytes;
    const end = Math.min(start + begun.length * blockBytes, this.#sizeBytes);
    const open = (promotion: Promotion, signal: AbortSignal): Promise<Response> =>
      this.#client.download({ start, end }, promotion, signal);
    return this.#track(begun, { isNeeded, open });
  }

  /** Starts the fetch of the window that a run lies in, by the cluster; undefined: it does not come that way. */
  #startWindow(run: BlockRun, needed: BlockRun): RangedFetch | undefined {
    const { peers } = this.#client;
    const { blocks } = this.#context;
    if (peers === undefined || !this.#hasWindows) return undefined;
    const within = windowOf(run.first, blocks.blockBytes, this.#sizeBytes);
    let { first, end } = run;
    while (first > within.first && blocks.isMissing(first - 1)) first -= 1;
    while (end < within.end && blocks.isMissing(end)) end += 1;
    // The rest of a window is less than dfdaemon reads from its peers.
    if (2 * (end - first) < within.end - within.first) return undefined;
    if (!blocks.pool.hasRoomAhead(end - first)) return undefined;
    const window = {
      start: within.first * blocks.blockBytes,
      end: Math.min(within.end * blocks.blockBytes, this.#sizeBytes),
    };
    let stallTimer: NodeJS.Timeout | undefined;
    const open = async (promotion: Promotion, signal: AbortSignal): Promise<Response> => {
      const priority = promotion.isPromoted ? 'foreground' : 'background';
      const response = await peers.download(window, priority, signal);
      stallTimer = setTimeout(() => {
        response.refuse?.('stall');
        response.cancel();
      }, peers.stallMs).unref();
      return response;
    };
    const onFailure = (): void => {
      this.#isPeerless = true;
    };
    const begun = this.#begin({ first, end }, needed, 'p2p');
    const fetch = this.#track(begun, { isNeeded: run.first < needed.end, open, onFailure });
    void fetch.done.then(() => clearTimeout(stallTimer));
    // The next read is likely to need the rest of it.
    fetch.acquire(fetch);
    return fetch;
  }

  get #hasWindows(): boolean {
    return this.#client.peers?.mode === 'ranges' && !this.#isPeerless;
  }

  #begin(run: BlockRun, needed: BlockRun, route: 'source' | 'p2p' = 'source'): readonly Block[] {
    return this.#context.blocks.begin(run, needed, this, route);
  }

  #track(begun: readonly Block[], options: FetchOptions): RangedFetch {
    const { pool } = this.#context.blocks;
    const beganMs = performance.now();
    const fetch = new RangedFetch(this.#context, begun, this.#sizeBytes, options);
    if (this.#fetches.size === 0) pool.join();
    this.#fetches.add(fetch);
    void fetch.done.then(() => {
      this.#fetches.delete(fetch);
      this.#speed.note(fetch.fetchedBytes, performance.now() - beganMs);
      if (this.#fetches.size > 0) return;
      pool.leave();
      this.#context.endIfIdle();
    });
    return fetch;
  }

  *#missingRuns(within: BlockRun): Generator<BlockRun> {
    const { blocks } = this.#context;
    const maxBlocks = Math.max(1, Math.floor(this.#speed.requestBytes / blocks.blockBytes));
    const end = Math.min(within.end, Math.ceil(this.#sizeBytes / blocks.blockBytes));
    const windowEnd = (first: number): number =>
      this.#hasWindows ? windowOf(first, blocks.blockBytes, this.#sizeBytes).end : end;
    for (let first = within.first; first < end; first += 1) {
      if (!blocks.isMissing(first)) continue;
      let last = first + 1;
      const until = Math.min(end, windowEnd(first));
      while (last < until && last - first < maxBlocks && blocks.isMissing(last)) last += 1;
      yield { first, end: last };
      first = last - 1;
    }
  }
}
