import { writeFile } from 'node:fs/promises';

import type { Scratch } from './scratch.js';

const LIMIT_MS = 120_000;
/** The kernel forgets what it keeps of files. */
export async function dropPageCache(scratch: Scratch): Promise<void> {
  await writeBack(scratch);
  await writeFile('/proc/sys/vm/drop_caches', '1');
}

/** So that what was written before does not keep the disk busy later, and can be dropped. */
export async function writeBack(scratch: Scratch): Promise<void> {
  await scratch.programs.run('sync', [], LIMIT_MS);
}

/** The origin's file comes from memory: not its disk is measured. */
export async function warm(scratch: Scratch, path: string): Promise<void> {
  await scratch.programs.run('dd', [`if=${path}`, 'of=/dev/null', 'bs=1M'], LIMIT_MS);
}
