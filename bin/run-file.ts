import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { findMount, type Mount } from '../src/mount/mount-table.js';

const POLL_MS = 20;

/**
 * Notes which process serves a mount, so that `unmount` can wait for its end. The kernel does not tell;
 * the device number names the mount. Returns what removes the note. A note that cannot be written is none.
 */
export async function noteProcess(mountpoint: string): Promise<() => Promise<void>> {
  const mount = await findMount(mountpoint);
  if (mount === undefined) return () => Promise.resolve();
  const path = runFile(mount);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, `${process.pid}\n`);
  } catch {
    return () => Promise.resolve();
  }
  return async () => {
    // The kernel may have given the number to the next mount already.
    if ((await servingProcess(mount)) === process.pid) await rm(path, { force: true });
  };
}

/** The process that serves the mount; undefined if it did not say, or if another user's may not be looked at. */
export async function servingProcess(mount: Mount): Promise<number | undefined> {
  const text = await readFile(runFile(mount), 'utf8').catch(() => '');
  const pid = Number(text.trim());
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/** Waits until the process is gone. False: it was still there after `limitMs`. */
export async function whenProcessEnded(pid: number, limitMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if (!(await isAlive(pid))) return true;
    await sleep(POLL_MS);
  }
  return false;
}

/** A process that ended but was not waited for yet (state Z, proc(5)) serves nothing any more. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

function runFile(mount: Mount): string {
  const state = process.env['XDG_RUNTIME_DIR'] ?? join(homedir(), '.local', 'state');
  const directory = process.getuid?.() === 0 ? '/run' : state;
  return join(directory, 'd7y-mount', `${mount.device}.pid`);
}
