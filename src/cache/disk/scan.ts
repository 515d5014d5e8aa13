import { readdir, stat } from 'node:fs/promises';

import { codeOf, STAT_BLOCK_BYTES } from './file-io.js';
import { filePath, isShard } from './layout.js';
import { unlinkSegment } from './segment-files.js';
import { filesBeside } from './shard.js';

export interface FoundSegment {
  readonly name: string;
  readonly allocatedBytes: number;
  /** Milliseconds since the epoch. */
  readonly usedAtMs: number;
}

/**
 * All segments in the directory, least recently used first; a file without its other half is removed. Only
 * for the writer, and while it creates nothing. Asks for little at once, so that reads are not held up.
 */
export async function scanSegments(root: string, isWanted: () => boolean): Promise<FoundSegment[]> {
  const found: FoundSegment[] = [];
  for (const shard of await readdir(root)) {
    if (!isShard(shard)) continue;
    const files = await filesBeside(root, shard);
    for (const name of new Set(files.map((file) => file.name))) {
      if (!isWanted()) return [];
      const segment = await statSegment(root, name);
      if (segment === undefined) await unlinkSegment(root, name);
      else found.push(segment);
    }
  }
  return found.toSorted((a, b) => a.usedAtMs - b.usedAtMs);
}

/** Undefined: one of the two files is missing. */
async function statSegment(root: string, name: string): Promise<FoundSegment | undefined> {
  try {
    const [index, data] = await Promise.all([
      stat(filePath(root, name, 'index')),
      stat(filePath(root, name, 'data')),
    ]);
    const allocatedBytes = (index.blocks + data.blocks) * STAT_BLOCK_BYTES;
    return { name, allocatedBytes, usedAtMs: index.mtimeMs };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return undefined;
  }
}
