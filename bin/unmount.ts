import process from 'node:process';

import { findMount } from '../src/mount/mount-table.js';
import { canonicalPath, MountpointError, unmountPath } from '../src/mount/mountpoint.js';

/** `d7y-mount unmount DIR`: ends the mount; its process ends by itself when the mount is gone. */
export async function unmount(given: string): Promise<void> {
  const path = await canonicalPath(given);
  const mount = await findMount(path);
  if (mount?.fsType !== 'fuse.d7y') {
    const found = mount === undefined ? 'nothing is mounted there' : `a ${mount.fsType} is mounted there`;
    throw new MountpointError('CANNOT_UNMOUNT', path, `is no mount of d7y-mount: ${found}`);
  }
  if ((await unmountPath(path)) === 'detached') {
    process.stderr.write(`d7y-mount: ${path} is busy; it is detached, and ends with its last open file\n`);
  }
}
