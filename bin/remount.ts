import { findMount, FS_TYPE } from '../src/mount/mount-table.js';
import { canonicalPath, MountpointError } from '../src/mount/mountpoint.js';
import type { GivenOptions } from './config/options.js';

/**
 * `mount -o remount`: accepted, and changes nothing. mount(8) passes all that fstab says, so most of it is as it was. Rejects
 * if no mount stands there, and if it would let programs be executed that the caller wants to forbid.
 */
export async function remount(given: string, { exec = true }: Pick<GivenOptions, 'exec'>): Promise<void> {
  const path = await canonicalPath(given);
  const mount = await findMount(path);
  if (mount?.fsType !== FS_TYPE) {
    throw new MountpointError('CANNOT_REMOUNT', path, 'cannot be remounted: is no mount of d7y-mount');
  }
  if (!exec && !mount.options.includes('noexec')) {
    throw new MountpointError('CANNOT_REMOUNT', path, 'cannot be made noexec while it is mounted');
  }
}
