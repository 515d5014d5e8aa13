import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { codeOf } from '../../error-code.js';
import { isOwnDirectory, isOwnFile, STAT_BLOCK_BYTES } from './file-io.js';
import { filePath, isReserved, isShard, parseFileName } from './layout.js';
import { unlinkSegment } from './segment-files.js';

export interface FoundSegment {
  readonly name: string;
  readonly allocatedBytes: number;
  /** Milliseconds since the epoch. */
  readonly usedAtMs: number;
}

/** Receives everything that is not of the store, or cannot be read. */
type OnStray = (path: string, error?: unknown) => void;

/**
 * Finds all segments in the directory, in no order; a file without its other half is removed. Only for the writer, and
 * while it creates nothing. Requests little at once, so that reads are not held up. Rejects only if the directory
 * itself cannot be read.
 */
export async function scanSegments(
  root: string,
  isWanted: () => boolean,
  onFound: (segment: FoundSegment) => void,
  onStray: OnStray,
): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (isReserved(entry.name)) continue;
    for (const name of await segmentsIn(root, entry, onStray)) {
      if (!isWanted()) return;
      const segment = await statSegment(root, name, onStray);
      if (segment !== undefined) onFound(segment);
    }
  }
}

async function segmentsIn(root: string, shard: Dirent, onStray: OnStray): Promise<Set<string>> {
  const path = join(root, shard.name);
  const names = new Set<string>();
  try {
    if (!isShard(shard.name) || !isOwnDirectory(await lstat(path))) {
      onStray(path);
      return names;
    }
    for (const fileName of await readdir(path)) {
      const file = parseFileName(fileName);
      if (file?.name.startsWith(shard.name) === true) names.add(file.name);
      else onStray(join(path, fileName));
    }
  } catch (error) {
    onStray(path, error);
  }
  return names;
}

/** Undefined: the files are no segment. One without the other is removed, unless something else has the other's name. */
async function statSegment(root: string, name: string, onStray: OnStray): Promise<FoundSegment | undefined> {
  try {
    const index = await statOwn(filePath(root, name, 'index'), onStray);
    const data = await statOwn(filePath(root, name, 'data'), onStray);
    if (index === 'stray' || data === 'stray') return undefined;
    if (index === 'missing' || data === 'missing') {
      await unlinkSegment(root, name);
      return undefined;
    }
    const allocatedBytes = (index.blocks + data.blocks) * STAT_BLOCK_BYTES;
    return { name, allocatedBytes, usedAtMs: index.mtimeMs };
  } catch (error) {
    onStray(filePath(root, name, 'index'), error);
    return undefined;
  }
}

async function statOwn(path: string, onStray: OnStray): Promise<Stats | 'missing' | 'stray'> {
  try {
    const stats = await lstat(path);
    if (isOwnFile(stats)) return stats;
    onStray(path);
    return 'stray';
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return 'missing';
  }
}
