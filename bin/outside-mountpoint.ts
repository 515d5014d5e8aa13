import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

/** Rejects for a directory that the mount would hide, and whose use would make the mount wait for itself. */
export async function checkOutside(mountpoint: string, what: string, directory: string): Promise<void> {
  const real = await realpath(directory).catch(() => resolve(directory));
  if (real !== mountpoint && !real.startsWith(`${mountpoint}/`)) return;
  throw new Error(`the ${what} ${directory} is inside the mountpoint ${mountpoint}, which hides it`);
}
