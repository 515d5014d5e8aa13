import process from 'node:process';

import { findMount, FS_TYPE } from '../src/mount/mount-table.js';
import { canonicalPath, detachPath, unmountPath } from '../src/mount/mountpoint.js';
import { safeText } from '../src/source/safe-text.js';
import { abortKilled } from './abort-killed.js';
import { CommandFailure, EXIT } from './command-failure.js';
import { mountHolders } from './mount-holders.js';
import {
  isRunning,
  type ProcessIdentity,
  removeEnded,
  whenProcessEnded,
  servingProcess,
  supervisorOf,
} from './serving-process.js';

/** It may have to write a hundred MiB to a busy disk. */
const END_LIMIT_MS = 30_000;

/**
 * `d7y-mount unmount DIR`: ends the mount, and returns when the process that served it has ended too. `lazy`: detaches it at once,
 * even if it is in use, and waits for nothing.
 */
export async function unmount(given: string, { lazy }: { readonly lazy: boolean }): Promise<void> {
  const path = await canonicalPath(given);
  const mount = await findMount(path);
  if (mount?.fsType !== FS_TYPE) {
    const found = mount === undefined ? 'nothing is mounted there' : `a ${mount.fsType} is mounted there`;
    throw new CommandFailure(EXIT.notRunning, `${path} is no mount of d7y-mount: ${found}`);
  }
  const uid = process.getuid?.();
  if (uid !== 0 && mount.userId !== undefined && mount.userId !== uid) {
    throw new CommandFailure(
      EXIT.permission,
      `${path} is a mount of user ${mount.userId}; root can unmount it`,
    );
  }
  await abortKilled(mount);
  const [server, supervisor] = [await servingProcess(mount), await supervisorOf(mount)];
  const processes = [server, supervisor].filter((one) => one !== undefined);
  if (lazy) {
    await detachPath(path);
    await terminate(server, supervisor);
    return;
  }
  let users = '';
  const findUsers = async (): Promise<void> => {
    const holders = await mountHolders(path);
    if (holders.length > 0) users = ` (used by ${holders.map(safeText).join(', ')})`;
  };
  if ((await unmountPath(path, findUsers)) === 'detached') {
    process.stderr.write(
      `d7y-mount: ${path} was busy${users}; it is detached, and what was open on it fails\n`,
    );
    // When its process ends, the kernel fails what is still open; otherwise the process would wait for that.
    await terminate(server, supervisor);
  }
  if (server === undefined) await removeEnded(mount);
  for (const one of processes) {
    if (await whenProcessEnded(one, END_LIMIT_MS)) continue;
    const cause = 'a container or another mount namespace may still have the mount';
    process.stderr.write(`d7y-mount: ${path} is unmounted, but process ${one.pid} has not ended: ${cause}\n`);
    return;
  }
}

/** A supervisor passes it on: of a second one the process would not store what waits for the disk. */
async function terminate(
  server: ProcessIdentity | undefined,
  supervisor: ProcessIdentity | undefined,
): Promise<void> {
  const target = supervisor ?? server;
  try {
    if (target !== undefined && (await isRunning(target))) process.kill(target.pid, 'SIGTERM');
  } catch {
    // Gone already, or not ours to end.
  }
}
