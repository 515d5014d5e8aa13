import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';

import { MountpointError } from './mountpoint.js';

/** open(2); Node does not name it. A descriptor that names a file, and does nothing with it. */
const O_PATH = 0o10000000;

/**
 * Opens the directory to mount on. What is mounted through the descriptor, not through the path, stays on this directory,
 * whatever others put in the place of the path or of one above.
 */
export async function openMountpoint(path: string): Promise<FileHandle> {
  const directory = await open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const found = await readlink(`/proc/self/fd/${directory.fd}`);
  if (found === path) return directory;
  await directory.close();
  throw new MountpointError('CANNOT_ACCESS', path, `leads to ${found} by now`);
}
