import { readdir } from 'node:fs/promises';

import { codeOf } from './file-io.js';
import { parseFileName, shardPath, type StoredName } from './layout.js';

/** Our files in the directory where `name`, or what begins with it, lies. Rejects with the errors of the system. */
export async function filesBeside(root: string, name: string): Promise<StoredName[]> {
  try {
    const files = (await readdir(shardPath(root, name))).map(parseFileName);
    return files
      .filter((file) => file !== undefined)
      .filter((file) => file.name.startsWith(name.slice(0, 2)));
  } catch (error) {
    // ENOTDIR: something else has its name.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** The names of the segments of a URL, or of a version: `prefix` is what they begin with. */
export async function segmentsOf(root: string, prefix: string): Promise<string[]> {
  const files = await filesBeside(root, prefix);
  return files
    .filter(({ kind, name }) => kind === 'index' && name.startsWith(prefix))
    .map(({ name }) => name);
}
