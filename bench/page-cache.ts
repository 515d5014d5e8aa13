import { writeFile } from 'node:fs/promises';

import type { Scratch } from './scratch.js';

const LIMIT_MS = 120_000;
const FORGET = `
import os, sys
for directory, _, names in os.walk(sys.argv[1]):
    for name in names:
        handle = os.open(os.path.join(directory, name), os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED); os.close(handle)
`;

/** The kernel forgets what it keeps of the files below `directory`; where it lets us, of all files. */
export async function dropPageCache(scratch: Scratch, directory: string): Promise<void> {
  await writeBack(scratch);
  try {
    await writeFile('/proc/sys/vm/drop_caches', '1');
  } catch {
    await scratch.programs.run('python3', ['-c', FORGET, directory], LIMIT_MS);
  }
}

/** So that what was written before does not keep the disk busy later, and can be dropped. */
export async function writeBack(scratch: Scratch): Promise<void> {
  await scratch.programs.run('sync', [], LIMIT_MS);
}

/** The origin's file comes from memory: not its disk is measured. */
export async function warm(scratch: Scratch, path: string): Promise<void> {
  await scratch.programs.run('dd', [`if=${path}`, 'of=/dev/null', 'bs=1M'], LIMIT_MS);
}
