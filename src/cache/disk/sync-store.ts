import { constants } from 'node:fs';
import { lutimes } from 'node:fs/promises';

import { close, codeOf, fsync, open } from './file-io.js';
import { filePath, shardPath } from './layout.js';
import type { StoreContext, Writer } from './store-context.js';

/** With more files than this, one syncfs(2) is faster than an fsync of each. */
const MAX_FSYNCS = 64;

/** Leaves times of use and content on disk. Never rejects. */
export async function syncStore(context: StoreContext, { catalog, lock }: Writer): Promise<void> {
  const { root, trouble, unsynced } = context;
  try {
    for (const [name, usedAtMs] of catalog.untouched()) await touch(root, name, usedAtMs);
    if (unsynced.size > MAX_FSYNCS) return await lock.syncFileSystem();
    const paths = new Set([root]);
    for (const name of unsynced) {
      for (const kind of ['data', 'index'] as const) paths.add(filePath(root, name, kind));
      paths.add(shardPath(root, name));
    }
    for (const path of paths) await syncPath(path);
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

async function syncPath(path: string): Promise<void> {
  try {
    const fd = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
