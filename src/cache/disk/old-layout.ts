import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { isOwnDirectory, isOwnFile } from './file-io.js';
import { isShard, LOCK_NAME, parseFileName } from './layout.js';
import { StoreLock } from './store-lock.js';

/**
 * The layout before this one. It does not tell with which credentials something was fetched, so that nobody can be
 * given it.
 */
const OLD_LAYOUT_DIRECTORY = 'v2';

/**
 * Removes what an earlier version of this program has stored in the cache directory, and nothing else, unless one that
 * still runs writes there. Asks for little at once.
 */
export async function removeOldLayout(directory: string, isWanted: () => boolean): Promise<void> {
  const root = join(directory, OLD_LAYOUT_DIRECTORY);
  if (!(await isOwn(root))) return;
  const lock = await StoreLock.tryAcquire(join(root, LOCK_NAME));
  if (lock === undefined) return;
  try {
    for (const shard of (await readdir(root)).filter(isShard)) {
      if (!isWanted()) return;
      await removeShard(join(root, shard), isWanted);
    }
    if ((await readdir(root)).every((name) => name === LOCK_NAME)) {
      await unlink(join(root, LOCK_NAME));
      await rmdir(root);
    }
  } finally {
    await lock.release();
  }
}

async function removeShard(shard: string, isWanted: () => boolean): Promise<void> {
  if (!(await isOwn(shard))) return;
  for (const name of await readdir(shard)) {
    if (!isWanted()) return;
    const path = join(shard, name);
    if (parseFileName(name) !== undefined && isOwnFile(await lstat(path))) await unlink(path);
  }
  if ((await readdir(shard)).length === 0) await rmdir(shard);
}

async function isOwn(directory: string): Promise<boolean> {
  return await lstat(directory).then(isOwnDirectory, () => false);
}
