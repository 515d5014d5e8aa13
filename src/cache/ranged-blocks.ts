import type { Response } from '../source/index.js';
import type { BlockProvider, BlockRun, Holder, ProviderContext } from './block-provider.js';
import { LinkSpeed } from './link-speed.js';
import { PeerStream } from './peer-stream.js';
import { windowOf } from './peer-window.js';
import { RangedFetch } from './ranged-fetch.js';

/** So much of a body is passed over for a reader that needs the rest. */
const NEAR_BYTES = 4 * 1024 * 1024;

/** Brings blocks by ranged requests: one for each run of adjacent missing blocks, cut to what suits the link. */
export class RangedBlocks implements BlockProvider {
  readonly #context: ProviderContext;
  readonly #sizeBytes: number;
  readonly #fetches = new Set<RangedFetch>();
  readonly #speed = new LinkSpeed();
  #stream: PeerStream | undefined;
  /** A stream has come to its end: dfdaemon has all of it. */
  #hasStreamed = false;
  /** What went by a cluster failed, or was not to be had. */
  #isPeerless = false;

  constructor(context: ProviderContext, sizeBytes: number) {
    this.#context = context;
    this.#sizeBytes = sizeBytes;
  }

  get busy(): boolean {
    return this.#fetches.size > 0 || this.#stream !== undefined;
  }

  /** What is demanded in order comes by a cluster. */
  get isStreamed(): boolean {
    return this.#stream !== undefined;
  }

  get maxAheadBytes(): number {
    const { limitBytes, shareBytes } = this.#context.memory;
    return Math.floor(Math.min(this.#speed.windowBytes, limitBytes / 4, shareBytes));
  }

  demand(needed: BlockRun, aheadEnd: number, reader: Holder, ahead: Holder): boolean {
    const isNeeded = needed.end > needed.first;
    for (const fetch of this.#fetches) {
      if (fetch.run.first >= needed.end || needed.first >= fetch.run.end) continue;
      if (isNeeded) fetch.need(reader);
      else fetch.acquire(reader);
    }
    const end = Math.max(needed.end, aheadEnd);
    const left = this.#stream?.take(needed, aheadEnd) ?? { first: needed.first, end };
    for (const run of this.#missingRuns(left)) {
      const isFirstNeeded = run.first < needed.end;
      const fetch = this.#start(run, isFirstNeeded ? needed.end : undefined);
      if (fetch === undefined) return false;
      if (isFirstNeeded) fetch.acquire(reader);
      if (fetch.run.end > needed.end) fetch.acquire(ahead);
    }
    return true;
  }

  /**
   * Begins a stream by a cluster for a reader that is likely to read on from the start of a run, if something of it is missing. Not
   * from far behind the beginning, since all of the body comes, unless it is a prefetch, or dfdaemon has it already.
   */
  stream(run: BlockRun, isPrefetch: boolean): void {
    const { peers, blocks } = this.#context;
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
        if (!this.busy) this.#context.onIdle();
      },
    });
  }

  readAhead(run: BlockRun, ahead: Holder): boolean {
    return this.demand({ first: run.first, end: run.first }, run.end, ahead, ahead);
  }

  /** Takes in the answer of a probe, which begins at byte 0. */
  fill(response: Response, probeBytes: number): void {
    const { blocks, memory } = this.#context;
    const { blockBytes } = blocks;
    const whole = this.#sizeBytes <= probeBytes;
    const end = whole ? Math.ceil(this.#sizeBytes / blockBytes) : Math.floor(probeBytes / blockBytes);
    const [run] = this.#missingRuns({ first: 0, end });
    if (run?.first !== 0 || !memory.tryReserve(run.end - run.first)) {
      response.cancel();
      return;
    }
    // Held by itself: a few blocks that are arriving already are never worth cancelling.
    const fetch = this.#track(run, { reserved: true, isNeeded: true, response });
    fetch.acquire(fetch);
  }

  release(holder: Holder): void {
    for (const fetch of this.#fetches) fetch.release(holder);
  }

  whenSizeKnown(): Promise<number> {
    return Promise.resolve(this.#sizeBytes);
  }

  /** An abandoned stream holds its fetches as long as other handles have the file open, which may need them. */
  setInUse(inUse: boolean): void {
    if (!inUse) for (const fetch of this.#fetches) fetch.releaseAll();
  }

  close(): void {
    this.#stream?.close();
    for (const fetch of this.#fetches) fetch.cancel();
  }

  /** Starts the fetch of the window that a run lies in, by the cluster; undefined: it does not come that way. */
  #startWindow(run: BlockRun, isNeeded: boolean): RangedFetch | undefined {
    const { peers, blocks, memory } = this.#context;
    if (peers === undefined || !this.#hasWindows) return undefined;
    const within = windowOf(run.first, blocks.blockBytes, this.#sizeBytes);
    let { first, end } = run;
    while (first > within.first && blocks.isMissing(first - 1)) first -= 1;
    while (end < within.end && blocks.isMissing(end)) end += 1;
    // The rest of a window is less than dfdaemon reads from its peers.
    if (2 * (end - first) < within.end - within.first) return undefined;
    if (!memory.tryReserve(end - first)) return undefined;
    const window = {
      start: within.first * blocks.blockBytes,
      end: Math.min(within.end * blocks.blockBytes, this.#sizeBytes),
    };
    const onFailure = (): void => {
      this.#isPeerless = true;
    };
    const byPeers = { peers, window, onFailure };
    const fetch = this.#track({ first, end }, { reserved: true, isNeeded, byPeers });
    // The next read is likely to need the rest of it.
    fetch.acquire(fetch);
    return fetch;
  }

  get #hasWindows(): boolean {
    return this.#context.peers?.mode === 'ranges' && !this.#isPeerless;
  }

  /** Starts a fetch of a run; only up to `neededEnd` when memory is short, and not at all if nothing is needed. */
  #start(run: BlockRun, neededEnd: number | undefined): RangedFetch | undefined {
    const shared = this.#startWindow(run, neededEnd !== undefined);
    if (shared !== undefined) return shared;
    const reserved = this.#context.memory.tryReserve(run.end - run.first);
    if (!reserved && neededEnd === undefined) return undefined;
    const cut = reserved || neededEnd === undefined ? run : { ...run, end: Math.min(run.end, neededEnd) };
    return this.#track(cut, { reserved, isNeeded: neededEnd !== undefined });
  }

  #track(run: BlockRun, begin: ConstructorParameters<typeof RangedFetch>[3]): RangedFetch {
    const beganMs = performance.now();
    const fetch = new RangedFetch(this.#context, run, this.#sizeBytes, begin);
    if (this.#fetches.size === 0) this.#context.memory.join();
    this.#fetches.add(fetch);
    void fetch.done.then(() => {
      this.#fetches.delete(fetch);
      this.#speed.note(fetch.fetchedBytes, performance.now() - beganMs);
      if (this.#fetches.size > 0) return;
      this.#context.memory.leave();
      if (!this.busy) this.#context.onIdle();
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
