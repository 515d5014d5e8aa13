import type { Block } from '../../src/cache/blocks/block.js';
import type { BlockPool } from '../../src/cache/blocks/block-pool.js';
import { VersionBlocks, type VersionBlocksEvents } from '../../src/cache/blocks/version-blocks.js';
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
