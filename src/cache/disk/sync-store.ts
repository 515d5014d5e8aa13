import { lutimes } from 'node:fs/promises';

import { codeOf } from './file-io.js';
import { filePath, shardPath } from './layout.js';
import type { StoreContext, Writer } from './store-context.js';
import { syncDirectory, syncSegment } from './sync-files.js';

/** With more segments than this, one syncfs(2) is faster than an fsync of each file. */
const MAX_SEGMENTS = 32;

/** Leaves times of use and content on disk. Never rejects. */
export async function syncStore(context: StoreContext, { catalog, lock }: Writer): Promise<void> {
  const { root, trouble, sync } = context;
  try {
    for (const [name, usedAtMs] of catalog.untouched()) await touch(root, name, usedAtMs);
    if (sync.isOverfull || sync.names.size > MAX_SEGMENTS) return await lock.syncFileSystem();
    const directories = new Set([root]);
    for (const name of sync.names) {
      await syncSegment(root, name);
      directories.add(shardPath(root, name));
    }
    for (const directory of directories) await syncDirectory(directory);
  } catch (error) {
    trouble.note('cannot make the store durable', error);
  }
}

async function touch(root: string, name: string, usedAtMs: number): Promise<void> {
  try {
    await lutimes(filePath(root, name, 'index'), usedAtMs / 1000, usedAtMs / 1000);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
