import { lstatSync, readdirSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { codeOf } from '../../../error-code.js';
import { isOwnDirectory } from '../file-io.js';
import { removeOwn } from './file-changes.js';

/** As the earlier layout named its files, and their directories. */
const OLD_FILE =
  /^(?:[0-9a-f]{32}-[0-9a-f]{16}-\d{6}\.(?:data|index)|[0-9a-f]{32}\.pin|key(?:\.[0-9a-f]{16})?)$/;
const OLD_DIRECTORY = /^(?:[0-9a-f]{2}|pins)$/;

/** Removes a file of an earlier layout; of a directory its files, and itself if nothing else is in it. */
export function removeOld(path: string): void {
  if (OLD_FILE.test(basename(path))) return removeOwn(path);
  if (!OLD_DIRECTORY.test(basename(path))) return;
  try {
    if (!isOwnDirectory(lstatSync(path))) return;
    for (const file of readdirSync(path)) if (OLD_FILE.test(file)) removeOwn(join(path, file));
    rmdirSync(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
}
