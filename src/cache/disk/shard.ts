import { readdir } from 'node:fs/promises';

import { codeOf } from '../../error-code.js';
import { parseFileName, shardPath } from './layout.js';

/**
 * The names of the segments of a URL, or of a version: `prefix` is what they begin with. Rejects with the errors of the
 * system.
 */
export async function segmentsOf(root: string, prefix: string): Promise<string[]> {
  let files: string[];
  try {
    files = await readdir(shardPath(root, prefix));
  } catch (error) {
    // ENOTDIR: something else has its name.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
  return files.flatMap((name) => {
    const file = parseFileName(name);
    return file?.kind === 'index' && file.name.startsWith(prefix) ? [file.name] : [];
  });
}

const SHARDS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** The names of all segments, one shard at a time: there may be very many. What cannot be read is passed over. */
export function* shardsOf(root: string): Generator<Promise<string[]>> {
  for (const shard of SHARDS) yield segmentsOf(root, shard).catch(() => []);
}
