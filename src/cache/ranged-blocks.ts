import type { Response } from '../source/index.js';
import { BlockFetch } from './block-fetch.js';
import type { BlockProvider, BlockRun, Holder, ProviderContext } from './block-provider.js';

/** Blocks per request at most: a longer run is cut, so that one failure costs little. */
const MAX_RUN_BYTES = 16 * 1024 * 1024;

/** Brings blocks by ranged requests: one for each run of adjacent missing blocks. */
export class RangedBlocks implements BlockProvider {
  readonly #context: ProviderContext;
  readonly #sizeBytes: number;
  readonly #fetches = new Set<BlockFetch>();

  constructor(context: ProviderContext, sizeBytes: number) {
    this.#context = context;
    this.#sizeBytes = sizeBytes;
  }

  get busy(): boolean {
    return this.#fetches.size > 0;
  }

  demand(needed: BlockRun, aheadEnd: number, reader: Holder, ahead: Holder): boolean {
    for (const fetch of this.#fetches) {
      if (fetch.run.first < needed.end && needed.first < fetch.run.end) fetch.hold(reader);
    }
    let couldReadAhead = true;
    for (const run of this.#missingRuns({ first: needed.first, end: Math.max(needed.end, aheadEnd) })) {
      const isNeeded = run.first < needed.end;
      const fetch = this.#start(run, isNeeded ? needed.end : undefined);
      if (fetch === undefined) {
        couldReadAhead = false;
        break;
      }
      if (isNeeded) fetch.hold(reader);
      if (fetch.run.end > needed.end) fetch.hold(ahead);
    }
    return couldReadAhead;
  }

  /** Takes in the answer of a probe, which begins at byte 0. */
  fill(response: Response, probeBytes: number): void {
    const { blockBytes, budget } = this.#context;
    const whole = this.#sizeBytes <= probeBytes;
    const end = whole ? Math.ceil(this.#sizeBytes / blockBytes) : Math.floor(probeBytes / blockBytes);
    const [run] = this.#missingRuns({ first: 0, end });
    if (run?.first !== 0 || !budget.tryReserve((run.end - run.first) * blockBytes)) {
      response.cancel();
      return;
    }
    // Held by itself: a few blocks that are arriving already are never worth cancelling.
    const fetch = new BlockFetch(this.#context, run, this.#sizeBytes, { reserved: true, response });
    fetch.hold(fetch);
    this.#track(fetch);
  }

  unhold(holder: Holder): void {
    for (const fetch of this.#fetches) fetch.unhold(holder);
  }

  whenSizeKnown(): Promise<number> {
    return Promise.resolve(this.#sizeBytes);
  }

  setInUse(): void {
    // Ranged fetches live by their holders alone.
  }

  close(): void {
    for (const fetch of this.#fetches) fetch.cancel();
  }

  /** Starts a fetch of a run; only up to `neededEnd` when memory is short, and not at all if nothing is needed. */
  #start(run: BlockRun, neededEnd: number | undefined): BlockFetch | undefined {
    const { blockBytes, budget } = this.#context;
    const reserved = budget.tryReserve((run.end - run.first) * blockBytes);
    if (!reserved && neededEnd === undefined) return undefined;
    const cut = reserved || neededEnd === undefined ? run : { ...run, end: Math.min(run.end, neededEnd) };
    const fetch = new BlockFetch(this.#context, cut, this.#sizeBytes, { reserved });
    this.#track(fetch);
    return fetch;
  }

  #track(fetch: BlockFetch): void {
    this.#fetches.add(fetch);
    void fetch.done.then(() => {
      this.#fetches.delete(fetch);
      if (!this.busy) this.#context.onIdle();
    });
  }

  *#missingRuns(within: BlockRun): Generator<BlockRun> {
    const { pending, blockBytes } = this.#context;
    const maxBlocks = Math.max(1, Math.floor(MAX_RUN_BYTES / blockBytes));
    const end = Math.min(within.end, Math.ceil(this.#sizeBytes / blockBytes));
    for (let first = within.first; first < end; first += 1) {
      if (!pending.isMissing(first)) continue;
      let last = first + 1;
      while (last < end && last - first < maxBlocks && pending.isMissing(last)) last += 1;
      yield { first, end: last };
      first = last - 1;
    }
  }
}
