import { constants } from 'node:fs';

import { codeOf } from '../../error-code.js';
import { close, fdatasync, fsync, open, openOwn } from './file-io.js';
import { filePath } from './layout.js';

/** Makes a segment durable: its data before the index that names it. Does nothing if it was removed. */
export async function syncSegment(root: string, name: string): Promise<void> {
  for (const kind of ['data', 'index'] as const) {
    await whileOpen(() => openOwn(filePath(root, name, kind), constants.O_RDONLY), fdatasync);
  }
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  await whileOpen(() => open(path, flags), fsync);
}

async function whileOpen(opening: () => Promise<number>, work: (fd: number) => Promise<void>): Promise<void> {
  let fd: number;
  try {
    fd = await opening();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    await work(fd);
  } finally {
    await close(fd);
  }
}
