import type { Mount } from '../src/mount/mount-table.js';
import { abortConnection } from '../src/mount/mountpoint.js';
import { isKept, isKilled, servingProcess, whenProcessEnded } from './serving-process.js';

const END_LIMIT_MS = 2_000;

/**
 * Lets a process end that was killed while one of its threads notified the kernel. That thread waits for the lock of a
 * directory, which a LOOKUP holds that nothing replies to any more, and keeps the connection open meanwhile.
 */
export async function abortKilled(mount: Mount): Promise<void> {
  const server = await servingProcess(mount);
  if (server === undefined || !(await isKilled(server)) || (await isKept(mount))) return;
  await abortConnection(mount);
  await whenProcessEnded(server, END_LIMIT_MS);
}
