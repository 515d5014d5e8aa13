import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';

import { isOwnDirectory, isOwnFile, STAT_BLOCK_BYTES } from '../file-io.js';
import { filePath, isShard, nameOfFile } from '../layout.js';
import type { FileChanges } from './file-changes.js';
import { type PlainError, plainError } from './messages.js';

export interface ShardEntries {
  readonly names: readonly string[];
  /** Of each name: what its files allocate, and when it was used last (ms since the epoch). */
  readonly figures: Float64Array;
  readonly strays: readonly { readonly path: string; readonly error: PlainError | undefined }[];
}

/** The entries in one directory of the store. A file without its other half is removed, unless something else has its name. */
export function scanShard(root: string, shard: string, changes: FileChanges): ShardEntries {
  const names: string[] = [];
  const figures: number[] = [];
  const strays: { path: string; error: PlainError | undefined }[] = [];
  const onStray = (path: string, error?: unknown): void => {
    strays.push({ path, error: error === undefined ? undefined : plainError(error) });
  };
  for (const name of namesIn(root, shard, onStray)) {
    try {
      const [index, data] = (['index', 'data'] as const).map((kind) =>
        statOwn(filePath(root, name, kind), onStray),
      );
      if (index === 'stray' || data === 'stray') continue;
      if (index === undefined || data === undefined) {
        changes.remove(name);
        continue;
      }
      names.push(name);
      figures.push((index.blocks + data.blocks) * STAT_BLOCK_BYTES, index.atimeMs);
    } catch (error) {
      onStray(filePath(root, name, 'index'), error);
    }
  }
  return { names, figures: Float64Array.from(figures), strays };
}

function namesIn(root: string, shard: string, onStray: (path: string, error?: unknown) => void): Set<string> {
  const path = join(root, shard);
  const names = new Set<string>();
  try {
    if (!isShard(shard) || !isOwnDirectory(lstatSync(path))) {
      onStray(path);
      return names;
    }
    for (const file of readdirSync(path)) {
      const name = nameOfFile(file);
      if (name?.startsWith(shard) === true) names.add(name);
      else onStray(join(path, file));
    }
  } catch (error) {
    onStray(path, error);
  }
  return names;
}

/** Undefined: there is none. */
function statOwn(path: string, onStray: (path: string) => void): Stats | 'stray' | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || isOwnFile(stats)) return stats;
  onStray(path);
  return 'stray';
}
