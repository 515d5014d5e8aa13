import { readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { makeDirectory } from '../src/make-directory.js';
import { findMount, type Mount } from '../src/mount/mount-table.js';

const POLL_MS = 20;

/** One process for all time: the kernel may use its number again, but with another start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and its start (proc(5), `starttime`). */
  readonly startTicks: string;
}

/** Undefined: there is no such process, or it ended. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold anything: the fields are counted behind its end, from the third on.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields[18];
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks };
}

export async function isRunning({ pid, startTicks }: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(pid))?.startTicks === startTicks;
}

/** Waits until the process is gone. False: it was still there after `limitMs`. */
export async function whenProcessEnded(found: ProcessIdentity, limitMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if (!(await isRunning(found))) return true;
    await sleep(POLL_MS);
  }
  return false;
}

/**
 * Records in a file that this process serves a mount: the kernel does not show it, and `unmount` waits for its end. The
 * device number of the mount is the name of the file. Returns what removes the file. Does nothing where it cannot be written.
 */
export async function recordProcess(mountpoint: string): Promise<() => Promise<void>> {
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

/** The process that serves the mount. Undefined if it has no file, if the file is another user's, and if the process ended. */
export async function servingProcess(mount: Mount): Promise<ProcessIdentity | undefined> {
  const text = await readFile(runFile(mount), 'utf8').catch(() => '');
  const match = /^([1-9]\d*) (\d+)\n$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const recorded = { pid: Number(match[1]), startTicks: match[2] };
  return (await isRunning(recorded)) ? recorded : undefined;
}

/** Where the processes of one user have files for each other. */
export function runDirectory(): string {
  const state = process.env['XDG_RUNTIME_DIR'] ?? join(homedir(), '.local', 'state');
  return join(process.getuid?.() === 0 ? '/run' : state, 'd7y-mount');
}

function runFile(mount: Mount): string {
  return join(runDirectory(), `${mount.device}.pid`);
}
