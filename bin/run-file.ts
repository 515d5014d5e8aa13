import { readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { makeDirectory } from '../src/make-directory.js';
import { findMount, type Mount } from '../src/mount/mount-table.js';
import { identifyProcess, isRunning, type ProcessIdentity } from './process-identity.js';

/**
 * Notes which process serves a mount, so that `unmount` can wait for its end. The kernel does not tell;
 * the device number names the mount. Returns what removes the note. A note that cannot be written is none.
 */
export async function noteProcess(mountpoint: string): Promise<() => Promise<void>> {
  const [mount, self] = [await findMount(mountpoint), await identifyProcess(process.pid)];
  if (mount === undefined || self === undefined) return () => Promise.resolve();
  const path = runFile(mount);
  try {
    await makeDirectory(runDirectory(), 0o700);
    await writeFile(path, `${self.pid} ${self.startTicks}\n`, { mode: 0o600 });
  } catch {
    return () => Promise.resolve();
  }
  return async () => {
    // The kernel may have given the number to the next mount already.
    if ((await servingProcess(mount))?.pid === process.pid) await rm(path, { force: true });
  };
}

/**
 * The process that serves the mount. Undefined if it did not say, if another user's may not be looked at, and if it ended:
 * its number may be another process's by now.
 */
export async function servingProcess(mount: Mount): Promise<ProcessIdentity | undefined> {
  const text = await readFile(runFile(mount), 'utf8').catch(() => '');
  const match = /^([1-9]\d*) (\d+)\n$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const noted = { pid: Number(match[1]), startTicks: match[2] };
  return (await isRunning(noted)) ? noted : undefined;
}

/** Where processes of one user leave notes for each other. */
export function runDirectory(): string {
  const state = process.env['XDG_RUNTIME_DIR'] ?? join(homedir(), '.local', 'state');
  return join(process.getuid?.() === 0 ? '/run' : state, 'd7y-mount');
}

function runFile(mount: Mount): string {
  return join(runDirectory(), `${mount.device}.pid`);
}
