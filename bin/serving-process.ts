import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { makeDirectory } from '../src/make-directory.js';
import { findMount, type Mount } from '../src/mount/mount-table.js';

const POLL_MS = 20;
/** Of the control socket, beside the record of its process. */
const SOCKET_SUFFIX = '.sock';
/** Of the record of a supervisor. */
const SUPERVISOR_SUFFIX = '.supervisor';

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
  if (startTicks === undefined || ((state === 'Z' || state === 'X') && !(await hasThreads(pid))))
    return undefined;
  return { pid, startTicks };
}

/** Whether its first thread has ended, and others cannot yet. */
export async function isKilled({ pid }: ProcessIdentity): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

/** Threads that wait for the disk outlive the first one, and may still write. */
async function hasThreads(pid: number): Promise<boolean> {
  return (await readdir(`/proc/${pid}/task`).catch(() => [])).length > 1;
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
 * Records that this process serves a mount: the kernel does not show it, and `unmount` waits for its end. The name of the
 * file has the device number of the mount and the process: the kernel gives the number to another mount at once, and no
 * process touches the record of another that runs. In it are the roots of the mount, which `d7y-mount path` reads. Returns what
 * removes it. Does nothing where it cannot be written.
 */
export async function recordProcess(
  mountpoint: string,
  {
    pid = process.pid,
    roots = [],
    isStored = false,
  }: {
    readonly pid?: number | undefined;
    readonly roots?: readonly string[];
    /** A service manager has its descriptors. */
    readonly isStored?: boolean;
  } = {},
): Promise<() => Promise<void>> {
  const [mount, own] = [await findMount(mountpoint), await identifyProcess(pid)];
  if (mount === undefined || own === undefined) return () => Promise.resolve();
  const path = join(runDirectory(), `${mount.device}.${own.pid}.${own.startTicks}`);
  try {
    await makeDirectory(runDirectory(), 0o700);
    await writeFile(path, JSON.stringify({ roots, isStored }), { mode: 0o600 });
  } catch {
    return () => Promise.resolve();
  }
  await removeEnded(mount);
  return () => remove(path);
}

/** Records that this process is the supervisor of a mount. Returns what removes the record. */
export async function recordSupervisor(mount: Pick<Mount, 'device'>): Promise<() => Promise<void>> {
  const own = await identifyProcess(process.pid);
  if (own === undefined) return () => Promise.resolve();
  const path = join(runDirectory(), `${mount.device}.${own.pid}.${own.startTicks}${SUPERVISOR_SUFFIX}`);
  await makeDirectory(runDirectory(), 0o700).catch(() => undefined);
  await writeFile(path, '', { mode: 0o600 }).catch(() => undefined);
  return () => remove(path);
}

/** Whether another process is to go on with a mount whose process has ended. */
export async function isKept(mount: Mount): Promise<boolean> {
  if ((await supervisorOf(mount)) !== undefined) return true;
  const records = await Promise.all((await recordsOf(mount)).map(({ path }) => readRecord(path)));
  return records.some((record) => record?.isStored === true);
}

export async function supervisorOf(mount: Pick<Mount, 'device'>): Promise<ProcessIdentity | undefined> {
  for (const { path: _, ...supervisor } of await recordsOf(mount, SUPERVISOR_SUFFIX)) {
    if (await isRunning(supervisor)) return supervisor;
  }
  return undefined;
}

/** Removes what processes that have ended left of mounts with the same device number: their records, and their sockets. */
export async function removeEnded(mount: Pick<Mount, 'device'>): Promise<void> {
  const suffixes = ['', SOCKET_SUFFIX, SUPERVISOR_SUFFIX];
  const left = await Promise.all(suffixes.map((suffix) => recordsOf(mount, suffix)));
  for (const one of left.flat()) {
    if (!(await isRunning(one))) await remove(one.path);
  }
}

/**
 * The process that serves the mount: of those that recorded its device number, the one that did so last. Undefined if there is
 * none, if the mount is another user's, and if the process ended.
 */
export async function servingProcess(mount: Mount): Promise<ProcessIdentity | undefined> {
  let newest: { readonly server: ProcessIdentity; readonly timeMs: number } | undefined;
  for (const { path, ...server } of await recordsOf(mount)) {
    const timeMs = (await stat(path).catch(() => undefined))?.mtimeMs;
    if (timeMs === undefined || !(await isRunning(server))) continue;
    if (newest === undefined || timeMs > newest.timeMs) newest = { server, timeMs };
  }
  return newest?.server;
}

/** `--root` of the mount. Undefined where no record of it can be read. */
export async function recordedRoots(mount: Mount): Promise<readonly string[] | undefined> {
  const server = await servingProcess(mount);
  const record = (await recordsOf(mount)).find(({ pid }) => pid === server?.pid);
  if (record === undefined) return undefined;
  return (await readRecord(record.path))?.roots;
}

interface ProcessRecord {
  readonly roots: readonly string[];
  readonly isStored?: boolean;
}

async function readRecord(path: string): Promise<ProcessRecord | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessRecord;
  } catch {
    return undefined;
  }
}

/** Where the process that serves a mount listens. */
export function controlSocket(
  { device }: Pick<Mount, 'device'>,
  { pid, startTicks }: ProcessIdentity,
): string {
  return join(runDirectory(), `${device}.${pid}.${startTicks}${SOCKET_SUFFIX}`);
}

/** Whether a process recorded that it serves the mount, and all that did have ended. */
export async function hasEndedServer(mount: Mount): Promise<boolean> {
  const records = await recordsOf(mount);
  const running = await Promise.all(records.map(isRunning));
  return records.length > 0 && !running.includes(true);
}

async function recordsOf(
  { device }: Pick<Mount, 'device'>,
  suffix = '',
): Promise<(ProcessIdentity & { readonly path: string })[]> {
  const names = await readdir(runDirectory()).catch(() => []);
  return names.flatMap((name) => {
    const [, of, pid, startTicks, found] =
      /^(\d+:\d+)\.([1-9]\d*)\.(\d+)(\.sock|\.supervisor)?$/.exec(name) ?? [];
    if (of !== device || startTicks === undefined || (found ?? '') !== suffix) return [];
    return [{ path: join(runDirectory(), name), pid: Number(pid), startTicks }];
  });
}

async function remove(path: string): Promise<void> {
  // One that stays names a process that ended.
  await rm(path, { force: true }).catch(() => undefined);
}

/** Where the processes of one user have files for each other. */
export function runDirectory(): string {
  const state = process.env['XDG_RUNTIME_DIR'] ?? join(homedir(), '.local', 'state');
  return join(process.getuid?.() === 0 ? '/run' : state, 'd7y-mount');
}
