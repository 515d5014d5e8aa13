import { chmod, lstat, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { LAYOUT_DIRECTORY } from './layout.js';

/** The directory cannot be used; the message says why. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';
  readonly code = 'NOT_OURS';
}

/** Makes the directories that are missing. Resolves to the one of this layout; rejects if they are not ours. */
export async function prepareDirectory(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const uid = process.geteuid?.();
  const outer = await stat(directory);
  if (outer.uid !== uid) throw new DirectoryError(`${directory} is owned by user ${outer.uid}, not ${uid}`);
  const root = join(directory, LAYOUT_DIRECTORY);
  await mkdir(root, { recursive: true, mode: 0o700 });
  const inner = await lstat(root);
  if (!inner.isDirectory() || inner.uid !== uid) {
    throw new DirectoryError(`${root} is no directory of user ${uid}`);
  }
  if ((inner.mode & 0o077) !== 0) await chmod(root, 0o700);
  return root;
}
