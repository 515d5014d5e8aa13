/**
 * The process that keeps a mount in the background over the end of the process that serves it: it has the descriptors open, and
 * starts the next one. It serves nothing itself, and never touches the mount.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { readMounts } from '../src/mount/mount-table.js';
import { detachPath } from '../src/mount/mountpoint.js';
import { appendFatal } from './append-fatal.js';
import { CrashLoop } from './crash-loop.js';
import { identifyProcess, type ProcessIdentity, recordSupervisor } from './serving-process.js';
import {
  ALIVE_INTERVAL_MS,
  PASSED,
  type ResumedStart,
  type ServerMessage,
  type SupervisedMount,
} from './supervision-messages.js';

/** A process that reports nothing for so long hangs. */
const HANG_MS = 30_000;
const POLL_MS = 1_000;
/** One in a second. */
const MAX_STARTS = 30;

/** The process that serves the mount now. */
interface Server {
  readonly identity: ProcessIdentity | undefined;
  readonly child: ChildProcess | undefined;
  /** 0: it does not serve yet. */
  servingSinceMs: number;
  aliveAtMs: number;
  end: 'ended' | 'handing over' | undefined;
}

async function supervise(mount: SupervisedMount): Promise<void> {
  const removeRecord = await recordSupervisor(mount);
  const loop = new CrashLoop();
  let server: Server = serverOf(await identifyProcess(mount.pid), undefined);
  server.servingSinceMs = performance.now();
  // Ends with the mount, as the process that serves it does.
  const ending = new AbortController();
  const end = (signal: NodeJS.Signals): void => {
    kill(server, signal);
    ending.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(signal));
  // For the process that serves: to read the configuration anew, and to open the log anew.
  for (const signal of ['SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => kill(server, signal));
  for (;;) {
    await whenOver(server, server.child ?? process);
    if (server.end === 'ended') break;
    const servedMs = server.servingSinceMs === 0 ? 0 : performance.now() - server.servingSinceMs;
    const delayMs = server.end === 'handing over' ? 0 : loop.nextDelayMs(servedMs);
    if (delayMs === undefined) {
      await giveUp(mount);
      break;
    }
    await sleep(delayMs, undefined, { signal: ending.signal }).catch(() => undefined);
    if (!(await isStillMounted(mount))) break;
    if (ending.signal.aborted) {
      await detach(mount);
      break;
    }
    const next = await start(mount);
    if (next === undefined) {
      await giveUp(mount);
      break;
    }
    server = next;
  }
  await removeRecord();
  process.exit(0);
}

function serverOf(identity: ProcessIdentity | undefined, child: ChildProcess | undefined): Server {
  return { identity, child, servingSinceMs: 0, aliveAtMs: performance.now(), end: undefined };
}

/** Undefined: for long it could not be started, for want of processes, memory or the program. */
async function start(mount: SupervisedMount): Promise<Server | undefined> {
  for (let attempt = 0; attempt < MAX_STARTS; attempt += 1) {
    const child = spawnServer(mount);
    const isStarted = await new Promise<boolean>((resolve) => {
      child.once('spawn', () => resolve(true));
      child.once('error', () => resolve(false));
    });
    if (isStarted) return serverOf(undefined, child);
    await sleep(POLL_MS);
  }
  return undefined;
}

function spawnServer({ given, logFile }: SupervisedMount): ChildProcess {
  const script = fileURLToPath(new URL('background.js', import.meta.url));
  const child = spawn(process.execPath, [script, given.path, '--foreground'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc', PASSED.device, ...PASSED.journal],
    serialization: 'advanced',
  });
  const resumed: ResumedStart = { given, logFile, supervisor: process.pid };
  child.on('error', () => undefined);
  child.send(resumed, () => undefined);
  return child;
}

/** Resolves when nothing of the process can answer the kernel any more. */
async function whenOver(server: Server, channel: ChildProcess | NodeJS.Process): Promise<void> {
  const over = new AbortController();
  const onMessage = (message: ServerMessage): void => {
    server.aliveAtMs = performance.now();
    if (message === 'serving') server.servingSinceMs = performance.now();
    if (message === 'ended' || message === 'handing over') server.end = message;
  };
  channel.on('message', onMessage);
  // Of the first process, which is no child, the end is seen by its channel.
  channel.once(server.child === undefined ? 'disconnect' : 'exit', () => over.abort());
  if (server.child === undefined && !process.connected) over.abort();
  while (!over.signal.aborted) {
    await sleep(POLL_MS, undefined, { signal: over.signal }).catch(() => undefined);
    if (over.signal.aborted) break;
    const state = await stateOf(server);
    // One of its threads waits in the kernel for a reply that only the next process can give.
    if (state === 'Z') break;
    const isStopped = state === 'T' || state === 't';
    if (isStopped) server.aliveAtMs = performance.now();
    if (performance.now() - server.aliveAtMs > HANG_MS + ALIVE_INTERVAL_MS) kill(server, 'SIGKILL');
  }
  channel.off('message', onMessage);
  // It has closed its channel, and may not have ended.
  if (server.child === undefined) await killAndWait(server);
}

async function killAndWait(server: Server): Promise<void> {
  const { identity } = server;
  if (identity === undefined) return;
  const limitMs = performance.now() + (server.end === undefined ? 0 : HANG_MS);
  for (;;) {
    const found = await identifyProcess(identity.pid);
    if (found?.startTicks !== identity.startTicks || (await stateOf(server)) === 'Z') return;
    if (performance.now() > limitMs) kill(server, 'SIGKILL');
    await sleep(5);
  }
}

/** Of its first thread (proc(5)); undefined: it has ended. */
async function stateOf({ identity, child }: Server): Promise<string | undefined> {
  const pid = child?.pid ?? identity?.pid;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2)[0];
}

function kill({ child, identity }: Server, signal: NodeJS.Signals): void {
  try {
    if (child !== undefined) child.kill(signal);
    else if (identity !== undefined) process.kill(identity.pid, signal);
  } catch {
    // It has ended.
  }
}

async function isStillMounted({ device, mountpoint }: SupervisedMount): Promise<boolean> {
  return (await readMounts()).some((one) => one.device === device && one.mountpoint === mountpoint);
}

async function giveUp({ mountpoint, device, logFile }: SupervisedMount): Promise<void> {
  await appendFatal(logFile, `${mountpoint}: processes that serve it end at once; it is unmounted`);
  await detach({ mountpoint, device });
}

async function detach({ mountpoint, device }: Pick<SupervisedMount, 'mountpoint' | 'device'>): Promise<void> {
  await detachPath(mountpoint).catch(() => undefined);
  await writeFile(`/sys/fs/fuse/connections/${device.split(':')[1]}/abort`, '1').catch(() => undefined);
}

process.title = ['d7y-mount', 'supervisor', ...process.argv.slice(2)].join(' ');
process.once('message', (mount: SupervisedMount) => void supervise(mount));
