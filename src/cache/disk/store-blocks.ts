import { urlOfResource } from './credential-scope.js';
import type { CheckedBlock, WritePath } from './disk-cache.js';
import { codeOf } from '../../error-code.js';
import type { OpenVersion } from './open-version.js';
import { loadSegment } from './segment-loading.js';
import { unlinkSegment } from './segment-files.js';
import type { Segment } from './segment.js';
import { type StoreContext, currentWriter } from './store-context.js';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Stores blocks of one segment, in ascending order; indexes count from the start of the version. Never rejects. */
export async function storeBlocks(
  context: StoreContext,
  version: OpenVersion,
  number: number,
  blocks: readonly CheckedBlock[],
  path: WritePath = 'cached',
): Promise<boolean> {
  if (context.writer === undefined || context.isClosing) return false;
  try {
    return await context.changes.run(() => store(context, version, number, blocks, path));
  } catch (error) {
    context.warnings.warn('cannot store blocks', error);
    return false;
  }
}

async function store(
  context: StoreContext,
  version: OpenVersion,
  number: number,
  given: readonly CheckedBlock[],
  path: WritePath,
): Promise<boolean> {
  const writer = await currentWriter(context);
  if (writer === undefined || version.isDropped) return false;
  if (!(await writer.catalog.ready)) return false;
  const segment = await currentSegment(context, version, number);
  if (segment.isUnreadable) return false;
  const blocks = missingFrom(segment, given);
  if (blocks.length === 0 && segment.exists) return true;
  const header = segment.exists ? undefined : version.header(number);
  if (!segment.exists && header === undefined) return false;
  const growthBytes = segment.growthBytes(blocks, header?.bytes.length ?? 0);
  if (!(await writer.catalog.makeRoom(growthBytes, segment.name))) return false;
  try {
    if (header !== undefined && segment.isWhole(blocks)) {
      await create(context, segment, () => segment.createWhole(header, blocks));
      return true;
    }
    if (header !== undefined) await create(context, segment, () => segment.create(header));
    if (blocks.length > 0) await segment.write(blocks, path);
    return true;
  } catch (error) {
    context.warnings.warn('cannot store blocks', error);
    if (FULL.has(codeOf(error))) writer.catalog.noteFull();
    // Perhaps the directory itself was removed.
    if (codeOf(error) === 'ENOENT') writer.lock.doubt();
    return false;
  } finally {
    await settle(context, segment, version.key.resource);
  }
}

/** The segment as this process may append to it. */
async function currentSegment(context: StoreContext, version: OpenVersion, number: number): Promise<Segment> {
  const segment = version.segments.get(number);
  const isOurs = segment !== undefined && segment.loadedBy === context.writer;
  if (isOurs && !segment.isUnreadable) return segment;
  return await loadSegment(context, version, number);
}

/** What is stored need not be written again. The indexes of what is left count from the start of the segment. */
function missingFrom({ span, table }: Segment, blocks: readonly CheckedBlock[]): CheckedBlock[] {
  return blocks
    .map((block) => ({ ...block, index: block.index - span.firstBlock }))
    .filter(({ index }) => !table.has(index));
}

async function create(
  context: StoreContext,
  segment: Segment,
  makeFiles: () => Promise<void>,
): Promise<void> {
  try {
    await makeFiles();
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    // Something that could not be trusted when it was loaded.
    await unlinkSegment(context.root, segment.name);
    await makeFiles();
  }
}

/** Enters what the files take now; files that are no good are removed. */
async function settle(context: StoreContext, segment: Segment, resource: string): Promise<void> {
  const catalog = context.writer?.catalog;
  try {
    if (segment.exists)
      catalog?.settle(segment.name, await segment.allocatedBytes(), urlOfResource(resource));
    else await catalog?.remove(segment.name);
  } catch {
    await catalog?.remove(segment.name);
  }
}
