import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { checkOwnership, resolveTrusted } from '../../trusted-path.js';
import { LAYOUT_DIRECTORY } from './layout.js';

/** The directory cannot be used; the message says why. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';
  readonly code = 'NOT_OURS';
}

/**
 * Makes the directories that are missing. Resolves to the real path of the one of this layout, which only root and this
 * user can exchange for another one. Rejects if it cannot be used.
 */
export async function prepareDirectory(directory: string): Promise<string> {
  const uid = process.geteuid?.() ?? 0;
  const { path, stats } = await resolveTrusted(directory, uid, 'make');
  if (!stats.isDirectory()) throw new DirectoryError(`${path} is not a directory`);
  if (stats.uid !== uid) throw new DirectoryError(`${path} belongs to user ${stats.uid}, not to ${uid}`);
  checkOwnership(path, stats, uid);
  const root = join(path, LAYOUT_DIRECTORY);
  const inner = await resolveTrusted(root, uid, 'make');
  if (inner.path !== root || !inner.stats.isDirectory() || inner.stats.uid !== uid) {
    throw new DirectoryError(`${root} is not a directory of user ${uid}`);
  }
  if ((inner.stats.mode & 0o077) !== 0) await chmod(root, 0o700);
  return root;
}
