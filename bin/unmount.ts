import process from 'node:process';

import { findMount } from '../src/mount/mount-table.js';
import { canonicalPath, MountpointError, unmountPath } from '../src/mount/mountpoint.js';
import { servingProcess, whenProcessEnded } from './run-file.js';

const END_LIMIT_MS = 10_000;

/** `d7y-mount unmount DIR`: ends the mount, and returns when the process that served it has ended too. */
export async function unmount(given: string): Promise<void> {
  const path = await canonicalPath(given);
  const mount = await findMount(path);
  if (mount?.fsType !== 'fuse.d7y') {
    const found = mount === undefined ? 'nothing is mounted there' : `a ${mount.fsType} is mounted there`;
    throw new MountpointError('CANNOT_UNMOUNT', path, `is no mount of d7y-mount: ${found}`);
  }
  const pid = await servingProcess(mount);
  if ((await unmountPath(path)) === 'detached') {
    process.stderr.write(`d7y-mount: ${path} was busy; it is detached, and what was open on it fails\n`);
    // Without its process the kernel fails what is still open; otherwise it would live as long as that.
    if (pid !== undefined) signal(pid, 'SIGTERM');
  }
  if (pid !== undefined && !(await whenProcessEnded(pid, END_LIMIT_MS))) {
    process.stderr.write(`d7y-mount: ${path} is unmounted, but process ${pid} has not ended\n`);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already, or not ours to end.
  }
}
