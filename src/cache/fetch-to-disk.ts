/** Brings a version to disk without a reader: in the background, piece by piece, through as little memory as that takes. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Block } from './block.js';
import type { BlockMemory } from './block-memory.js';
import type { BlockRun, Holder } from './block-provider.js';
import type { Semaphore } from './disk/semaphore.js';
import { NotStoredError } from './not-stored-error.js';
import { RangedBlocks } from './ranged-blocks.js';
import type { StoredBlocks } from './stored-blocks.js';
import type { VersionReader } from './version-reader.js';

export interface DiskFetch {
  readonly reader: VersionReader;
  readonly stored: StoredBlocks;
  readonly sizeBytes: number;
  readonly memory: BlockMemory;
  /** Of so many blocks. */
  readonly pieceBlocks: number;
  /** One permit for each piece that is in memory, of all versions. */
  readonly pieces: Semaphore;
  /** Resolves when what waits to be written now is written, of all versions. */
  readonly flushAll: () => Promise<void>;
  readonly signal: AbortSignal;
  /** So much more is on disk; `isNew`: it was not there before. */
  readonly onStored: (bytes: number, isNew: boolean) => void;
}

/** Pieces of one version that are fetched at once: as many as there are connections to an origin. */
const MAX_PIECES = 8;
/** Those that come by one body, in its order. */
const MAX_STREAMED_PIECES = 3;
/** How often a piece is fetched that is not on disk then. */
const MAX_TRIES = 3;
/** Readers go first: where they have all the memory, it is tried again. */
const MEMORY_RETRY_MS = 20;
/** After so many pieces that are there, others have their turn. */
const PIECES_PER_TURN = 64;

/** Resolves when all of it is on disk. What was there is not fetched. */
export async function fetchToDisk(fetch: DiskFetch): Promise<void> {
  const { memory, pieceBlocks, pieces, sizeBytes, signal } = fetch;
  const blockCount = Math.ceil(sizeBytes / memory.blockBytes);
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (let first = 0, passed = 0; first < blockCount; first += pieceBlocks) {
    const run = { first, end: Math.min(first + pieceBlocks, blockCount) };
    if (missingRuns(fetch, run).length === 0) {
      fetch.onStored(bytesOf(fetch, run), false);
      passed += 1;
      if (passed % PIECES_PER_TURN === 0) await sleep(0);
      continue;
    }
    const { provider } = fetch.reader;
    // Before a later piece, which may be the first to request something.
    if (provider instanceof RangedBlocks) provider.stream(run, true);
    const isOrdered = provider instanceof RangedBlocks && provider.isStreamed;
    while (running.size >= (isOrdered ? MAX_STREAMED_PIECES : MAX_PIECES)) await Promise.race(running);
    if (failures.length > 0 || signal.aborted) break;
    const piece = pieces
      .run(() => (failures.length > 0 ? Promise.resolve() : bringPiece(fetch, run)))
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => running.delete(piece));
    running.add(piece);
  }
  await Promise.all(running);
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}

async function bringPiece(fetch: DiskFetch, run: BlockRun): Promise<void> {
  const { reader, stored, memory, signal } = fetch;
  const holder: Holder = {};
  const missing = missingRuns(fetch, run);
  const oldBytes = bytesOf(fetch, run) - missing.reduce((sum, one) => sum + bytesOf(fetch, one), 0);
  try {
    for (let tries = 0; ; tries += 1) {
      const left = missingRuns(fetch, run);
      if (left.length === 0) break;
      if (tries === MAX_TRIES) throw new NotStoredError('NO_ROOM', 'the disk cache did not store it');
      for (const one of left) await bringRun(fetch, one, holder);
      for (const one of left) for (const block of blocksOf(reader, one)) stored.store(block);
      await stored.flush();
      // An earlier opening may have it in hand.
      if (missingRuns(fetch, run).length > 0) await fetch.flushAll();
    }
  } catch (error) {
    reader.noteFailure(error);
    throw error;
  } finally {
    reader.provider.release(holder);
    // It was no reader's: memory is for those.
    if (!reader.isShared)
      for (const one of missing) for (const block of blocksOf(reader, one)) memory.drop(block);
  }
  signal.throwIfAborted();
  if (oldBytes > 0) fetch.onStored(oldBytes, false);
  fetch.onStored(bytesOf(fetch, run) - oldBytes, true);
}

/** Resolves when each block of the run was in memory. */
async function bringRun(
  { reader, stored, memory, signal, ...fetch }: DiskFetch,
  run: BlockRun,
  holder: Holder,
) {
  const { blocks, provider } = reader;
  const isOutstanding = (index: number): boolean => !stored.has(index) && blocks.isMissing(index);
  for (let index = run.first; index < run.end;) {
    signal.throwIfAborted();
    reader.throwIfCorrupt();
    if (isOutstanding(index)) {
      const left = { first: index, end: run.end };
      request(provider, left, holder);
      if (isOutstanding(index)) await sleep(MEMORY_RETRY_MS, undefined, { signal });
      continue;
    }
    const block = blocks.get(index);
    if (block !== undefined && !block.isComplete) {
      const bytes = Math.min(memory.blockBytes, fetch.sizeBytes - index * memory.blockBytes);
      await block.whenVisible(bytes, signal);
      // The last bytes of a block may be visible a step before it counts as complete.
      if (!block.isComplete && !block.isLost) await sleep(0);
      if (block.isComplete) index += 1;
      continue;
    }
    index += 1;
  }
}

function request(provider: VersionReader['provider'], run: BlockRun, holder: Holder): void {
  if (!(provider instanceof RangedBlocks)) {
    provider.demand(run);
    return;
  }
  provider.stream(run, true);
  if (provider.isStreamed) provider.demand(run, run.end, holder, holder);
  else provider.readAhead(run, holder);
}

/** What is not on disk. */
function missingRuns({ stored }: DiskFetch, { first, end }: BlockRun): BlockRun[] {
  const runs: BlockRun[] = [];
  for (let index = first; index < end; index += 1) {
    if (stored.has(index)) continue;
    let last = index + 1;
    while (last < end && !stored.has(last)) last += 1;
    runs.push({ first: index, end: last });
    index = last;
  }
  return runs;
}

function blocksOf({ blocks }: VersionReader, { first, end }: BlockRun): Block[] {
  const found: Block[] = [];
  for (let index = first; index < end; index += 1) {
    const block = blocks.get(index);
    if (block?.isComplete === true) found.push(block);
  }
  return found;
}

function bytesOf({ memory, sizeBytes }: DiskFetch, { first, end }: BlockRun): number {
  return Math.min(end * memory.blockBytes, sizeBytes) - first * memory.blockBytes;
}
