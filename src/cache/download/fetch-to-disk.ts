/** Brings a version to disk without a reader: in the background, piece by piece, through as little memory as that takes. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { BlockRun } from '../blocks/version-blocks.js';
import type { Semaphore } from '../disk/semaphore.js';
import { NotStoredError } from '../not-stored-error.js';
import type { Version } from '../version.js';
import type { WriteBehind } from '../write-behind.js';
import type { Holder } from './downloader.js';

export interface DiskFetch {
  readonly version: Version;
  readonly sizeBytes: number;
  /** Of so many blocks. */
  readonly pieceBlocks: number;
  /** One permit for each piece that is in memory, of all versions. */
  readonly pieces: Semaphore;
  /** What waits to be written, of all versions. */
  readonly behind: WriteBehind;
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
  const { version, pieceBlocks, pieces, sizeBytes, signal } = fetch;
  const blockCount = Math.ceil(sizeBytes / version.blocks.blockBytes);
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
    // Before a later piece, which may be the first to request something.
    const isOrdered = version.streamAhead(run);
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
  const { version, signal } = fetch;
  const holder: Holder = {};
  const missing = missingRuns(fetch, run);
  const oldBytes = bytesOf(fetch, run) - missing.reduce((sum, one) => sum + bytesOf(fetch, one), 0);
  try {
    for (let tries = 0; ; tries += 1) {
      const left = missingRuns(fetch, run);
      if (left.length === 0) break;
      if (tries === MAX_TRIES) throw new NotStoredError('NO_ROOM', 'the disk cache did not store it');
      for (const one of left) await bringRun(fetch, one, holder);
      await version.stored.write();
      // Others may have had all of what may wait.
      if (missingRuns(fetch, run).length > 0) await fetch.behind.flush();
    }
  } catch (error) {
    version.noteFailure(error);
    throw error;
  } finally {
    version.releaseHolder(holder);
  }
  signal.throwIfAborted();
  if (oldBytes > 0) fetch.onStored(oldBytes, false);
  fetch.onStored(bytesOf(fetch, run) - oldBytes, true);
}

/** Resolves when all blocks of the run were in memory, and are being stored. */
async function bringRun({ version, signal }: DiskFetch, run: BlockRun, holder: Holder): Promise<void> {
  const { pool } = version.blocks;
  for (;;) {
    signal.throwIfAborted();
    version.throwIfCorrupt();
    version.streamAhead(run);
    const blocks = version.takeAhead(run, holder);
    if (blocks === undefined) {
      await sleep(MEMORY_RETRY_MS, undefined, { signal });
      continue;
    }
    try {
      let isThere = true;
      for (const block of blocks) isThere &&= await block.whenComplete(signal);
      if (!isThere) continue;
      for (const block of blocks) version.stored.store(block);
      return;
    } finally {
      for (const block of blocks) {
        // It was no reader's: memory is for those.
        if (!version.isShared && block.isComplete) pool.drop(block);
        pool.release(block);
      }
    }
  }
}

/** What is not on disk. */
function missingRuns({ version: { stored } }: DiskFetch, { first, end }: BlockRun): BlockRun[] {
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

function bytesOf({ version, sizeBytes }: DiskFetch, { first, end }: BlockRun): number {
  const { blockBytes } = version.blocks;
  return Math.min(end * blockBytes, sizeBytes) - first * blockBytes;
}
