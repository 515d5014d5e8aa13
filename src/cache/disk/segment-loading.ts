import { lstat } from 'node:fs/promises';

import { filePath, nameOfSegment, versionOfSegment } from './layout.js';
import type { OpenVersion } from './open-version.js';
import { Segment } from './segment.js';
import { segmentsOf } from './shard.js';
import type { StoreContext } from './store-context.js';

/** Loads what is stored of a version. Never rejects. */
export async function loadVersion(context: StoreContext, version: OpenVersion): Promise<void> {
  for (const number of await storedSegments(context, version)) {
    if (context.writer === undefined)
      version.seenIndexes.set(number, await seenIndex(context, version, number));
    await loadSegment(context, version, number);
  }
  if (version.local?.isVerified() === false) await version.local.verify();
}

/** Loads what the writer, another process, has changed. Never rejects. */
export async function refreshVersion(context: StoreContext, version: OpenVersion): Promise<void> {
  for (const number of await storedSegments(context, version)) {
    const seen = await seenIndex(context, version, number);
    if (seen === version.seenIndexes.get(number) || version.isDropped) continue;
    version.seenIndexes.set(number, seen);
    await loadSegment(context, version, number);
  }
}

/**
 * Loads one segment, which takes the place of the one that was loaded before. What cannot be trusted is
 * nothing, and the writer removes it. Never rejects.
 */
export async function loadSegment(
  context: StoreContext,
  version: OpenVersion,
  number: number,
): Promise<Segment> {
  const identity = version.identity(number);
  const segment = new Segment(context, identity);
  if (context.writer?.catalog.isMissing(segment.name) === true) {
    version.adopt(segment);
    return segment;
  }
  const { removals } = version;
  let found: 'stored' | 'nothing' | 'wrong' | 'unreadable' = 'nothing';
  try {
    found = await segment.load(identity);
    if (version.removals !== removals) found = 'nothing';
  } catch (error) {
    context.warnings.warn('cannot read an index file', error);
    found = 'unreadable';
  }
  if (found === 'stored') {
    version.adopt(segment);
    return segment;
  }
  void segment.detach();
  const empty = new Segment(context, identity);
  empty.isUnreadable = found === 'unreadable';
  version.adopt(empty);
  if (found === 'wrong') void removeWrong(context, version, empty);
  return empty;
}

async function removeWrong(context: StoreContext, version: OpenVersion, empty: Segment): Promise<void> {
  await context.changes.run(async () => {
    // A write may have replaced the files meanwhile.
    const isReplaced = empty.exists || version.segments.get(empty.span.segment) !== empty;
    if (!isReplaced) await context.writer?.catalog.remove(empty.name);
  });
}

async function storedSegments(context: StoreContext, version: OpenVersion): Promise<number[]> {
  if (version.geometry.segmentCount === 1) return [0];
  try {
    const names = await segmentsOf(context.root, version.name);
    return names
      .map((name) => versionOfSegment(name).segment)
      .filter((segment) => segment < version.geometry.segmentCount);
  } catch (error) {
    context.warnings.warn('cannot list the directory', error);
    return [];
  }
}

/** Changes whenever records were appended to the index file, or it is another one. */
async function seenIndex(context: StoreContext, version: OpenVersion, number: number): Promise<string> {
  try {
    const path = filePath(context.root, nameOfSegment(version.name, number), 'index');
    const { ino, size } = await lstat(path);
    return `${ino} ${size}`;
  } catch {
    return 'none';
  }
}
