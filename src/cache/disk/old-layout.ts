/** What the layout before this one has left. No process of this version reads it, and it would take its space for ever. */
import { copyFile, lstat, mkdir, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { codeOf } from '../../error-code.js';
import { close, isOwnDirectory } from './file-io.js';
import { LOCK_NAME, PINS_NAME } from './layout.js';
import type { RateLimitedLog } from './rate-limited-log.js';
import type { StoreContext } from './store-context.js';

const OLD_LAYOUT = 'v3';
const PIN = /^[0-9a-f]{32}\.pin$/;

function oldRoot(root: string): string {
  return join(root, '..', OLD_LAYOUT);
}

/** Pins are of URLs, and hold in all layouts: they are copied by the first writer of this one. Never rejects. */
export async function adoptOldPins(root: string, warnings: RateLimitedLog): Promise<void> {
  const [from, to] = [join(oldRoot(root), PINS_NAME), join(root, PINS_NAME)];
  try {
    if (!(await isOwn(oldRoot(root))) || !(await isOwn(from)) || (await isOwn(to))) return;
    const pins = (await readdir(from, { withFileTypes: true })).filter(
      (pin) => pin.isFile() && PIN.test(pin.name),
    );
    await mkdir(to, { mode: 0o700 });
    for (const { name } of pins) await copyFile(join(from, name), join(to, name));
  } catch (error) {
    warnings.warn('cannot take over the pins of an earlier version', error);
  }
}

/**
 * Removes its files, in the background, unless a process of an earlier version still writes them. `tryLock` resolves to a
 * descriptor of the lock, or to nothing where another process has it. Never rejects.
 */
export async function removeOldLayout(
  context: StoreContext,
  tryLock: (path: string) => Promise<number | undefined>,
): Promise<void> {
  const { root, thread, warnings } = context;
  const old = oldRoot(root);
  try {
    if (!(await isOwn(old))) return;
    const lock = await tryLock(join(old, LOCK_NAME));
    if (lock === undefined) return;
    try {
      for (const name of await readdir(old)) {
        if (context.isClosing) return;
        await thread.run('removeOld', join(old, name));
      }
      await unlink(join(old, LOCK_NAME));
      await rmdir(old);
    } finally {
      await close(lock);
    }
  } catch (error) {
    // Something of others is in it.
    if (codeOf(error) !== 'ENOTEMPTY') warnings.warn('cannot remove what an earlier version stored', error);
  }
}

async function isOwn(path: string): Promise<boolean> {
  try {
    return isOwnDirectory(await lstat(path));
  } catch {
    return false;
  }
}
