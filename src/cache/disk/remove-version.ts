import { readdir } from 'node:fs/promises';

import { codeOf } from './file-io.js';
import { parseFileName, shardPath } from './layout.js';
import type { StoreContext } from './store-context.js';

/** Removes all segments of a version; runs in the lane of changes. Never rejects. */
export async function removeVersion(context: StoreContext, versionName: string): Promise<void> {
  const names = new Set<string>();
  try {
    for (const file of await readdir(shardPath(context.root, versionName))) {
      const parsed = parseFileName(file);
      if (parsed?.versionName === versionName) names.add(parsed.name);
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') context.trouble.note('cannot list the directory', error);
  }
  for (const name of names) await context.writer?.catalog.remove(name);
}
