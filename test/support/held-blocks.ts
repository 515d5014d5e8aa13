import type { Block } from '../../src/cache/blocks/block.js';
import type { BlockPool } from '../../src/cache/blocks/block-pool.js';
import { VersionBlocks, type VersionBlocksEvents } from '../../src/cache/blocks/version-blocks.js';
import type { DiskCache, StoredVersion } from '../../src/cache/disk/disk-cache.js';
import { StoredBlocks } from '../../src/cache/stored-blocks.js';
import type { VersionStorage } from '../../src/cache/version-storage.js';
import type { WriteBehind } from '../../src/cache/write-behind.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

interface BlocksOptions extends Partial<VersionBlocksEvents> {
  readonly resource?: string;
}

export function blocksIn(
  pool: BlockPool,
  { resource = 'test://host/file', ...events }: BlocksOptions = {},
): VersionBlocks {
  const version = { id: '1', validators: { etag: '"1"' }, verifiable: true };
  return new VersionBlocks({ resource, version: '1' }, version, pool, MetadataBudget.beside(0), {
    onEmpty: () => undefined,
    onComplete: () => undefined,
    ...events,
  });
}

/** What is stored of blocks on a disk. */
export function storedBlocks(
  blocks: VersionBlocks,
  size: number,
  disk: StoredVersion,
  behind: WriteBehind,
): StoredBlocks {
  const storage: Partial<VersionStorage> = {
    disk: { mayHave: () => true, open: () => Promise.resolve(disk) } as unknown as DiskCache,
    behind,
    closing: new Set(),
    drop: () => undefined,
  };
  const version = { id: '1', validators: { etag: '"1"' }, verifiable: true };
  const file = { kind: 'file', version, size, lastModifiedMs: undefined, supportRange: true } as const;
  const owner = { blocks, file, setCorrupt: () => undefined };
  const stored = new StoredBlocks(owner, storage as VersionStorage, () => undefined);
  stored.open();
  return stored;
}

/** A block that a body is being received into. */
export function beginBlock(blocks: VersionBlocks, index: number): Block {
  blocks.pool.promise(1);
  const run = { first: index, end: index + 1 };
  const [block] = blocks.begin(run, run, {}, 'source');
  if (block === undefined) throw new Error('it was not begun');
  blocks.pool.acquire(block);
  return block;
}

/** A block that has come. */
export function bringBlock(blocks: VersionBlocks, index: number): Block {
  const block = beginBlock(blocks, index);
  blocks.completeBlock(block, blocks.blockBytes);
  return block;
}
