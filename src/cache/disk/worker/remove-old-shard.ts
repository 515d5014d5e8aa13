import { lstatSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

import { codeOf } from '../../../error-code.js';
import { isOwnDirectory } from '../file-io.js';
import { removeOwn } from './file-changes.js';

/** As earlier layouts named their files. */
const OLD_FILE = /^[0-9a-f]{32}-[0-9a-f]{16}-\d{6}\.(?:data|index)$/;

/** Removes the files of an earlier layout in a directory, and the directory if nothing else is in it. */
export function removeOldShard(path: string): void {
  try {
    if (!isOwnDirectory(lstatSync(path))) return;
    for (const file of readdirSync(path)) if (OLD_FILE.test(file)) removeOwn(join(path, file));
    rmdirSync(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
}
