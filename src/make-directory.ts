import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { codeOf } from './error-code.js';

/**
 * Makes a directory, and the parents that it lacks. Returns whether it made the directory; one that is there is no failure.
 * Node's own `recursive` option never returns below a directory that takes no new ones with ENOENT (`/proc/x/y`).
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<boolean> {
  try {
    await mkdir(path, mode);
    return true;
  } catch (error) {
    if (await isDirectory(path)) return false;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
  }
  await makeDirectory(dirname(path), mode);
  try {
    await mkdir(path, mode);
    return true;
  } catch (error) {
    // Another process may have made it in between.
    if (await isDirectory(path)) return false;
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
