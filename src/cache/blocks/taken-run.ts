/** The blocks of a read: taken all at once, and waited for. */
import type { ReadOptions } from '../resource-cache.js';
import type { Block } from './block.js';
import type { Attempt } from './block-pool.js';
import type { BlockRun, VersionBlocks } from './version-blocks.js';

/**
 * Acquires all blocks of a run, those that are missing after `begin` has begun them; nothing, and undefined, if the pool has no room. In
 * one step. To be released.
 */
export function takeRun(
  blocks: VersionBlocks,
  { first, end }: BlockRun,
  hasRoom: (slots: number) => boolean,
  begin: () => void,
): readonly Block[] | undefined {
  const { pool } = blocks;
  const taken: (Block | undefined)[] = [];
  let [missing, evictable] = [0, 0];
  for (let index = first; index < end; index += 1) {
    const block = blocks.get(index);
    taken.push(block);
    if (block === undefined) missing += 1;
    else if (pool.isEvictable(block)) evictable += 1;
  }
  if (missing > 0 && !hasRoom(missing + evictable)) return undefined;
  // First what is here, which must not be evicted for what is begun.
  for (const block of taken) if (block !== undefined) pool.acquire(block);
  pool.promise(missing);
  begin();
  pool.promise(0);
  for (const [i, known] of taken.entries()) {
    if (known !== undefined) continue;
    const block = blocks.get(first + i);
    if (block === undefined) continue;
    pool.acquire(block);
    taken[i] = block;
  }
  return taken.filter((block) => block !== undefined);
}

/** As `takeRun`, when it is the turn of the version. */
export async function waitForRun(
  blocks: VersionBlocks,
  run: BlockRun,
  begin: () => void,
  signal: AbortSignal | undefined,
): Promise<readonly Block[]> {
  const { pool, share, key } = blocks;
  let taken: readonly Block[] | undefined;
  const attempt: Attempt = (hasRoom) => {
    taken = takeRun(blocks, run, hasRoom, begin);
    return taken !== undefined;
  };
  await pool.wait(attempt, share, key.resource, signal);
  return taken ?? [];
}

/** Resolves to whether all bytes up to `end` are there; false: a block is gone without an error. */
export async function areVisible(
  blocks: readonly Block[],
  end: number,
  options?: ReadOptions,
): Promise<boolean> {
  for (;;) {
    // The last one is usually the last to come.
    const absent = blocks.findLast((block) => !block.has(bytesBefore(block, end)));
    if (absent === undefined) return true;
    if (!(await absent.whenVisible(bytesBefore(absent, end), options?.signal))) return false;
  }
}

/** What a read up to `end` needs of a block. */
function bytesBefore({ index, memory }: Block, end: number): number {
  return Math.min(end - index * memory.byteLength, memory.byteLength);
}
