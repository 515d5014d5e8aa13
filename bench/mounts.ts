/** Remote file systems that are measured side by side, each mounted anew for each figure. */
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { servingProcess, whenProcessEnded } from '../bin/serving-process.js';
import { raiseKernelReadahead } from '../src/mount/kernel-readahead.js';
import { findMount, readMounts } from '../src/mount/mount-table.js';
import type { Origin } from './origins.js';
import { atEnd, end, run, start } from './programs.js';

/** What d7y-mount sets in the kernel. */
const READAHEAD_KB = 4096;
const POLL_MS = 2;
/** Half a mount is not undone, nor half undone. */
export const UNDISTURBED = { isInterruptible: false };
/** To mount, or to end. */
const LIMIT_MS = 45_000;
const D7Y_MOUNT = fileURLToPath(new URL('../bundle/d7y-mount.js', import.meta.url));

export interface Mounter {
  readonly name: string;
  readonly serve: (place: Place) => Promise<Served>;
}

/** One or none. `fromMemory`: without the origin. */
export type BoundMounters = (threads: number, fromMemory?: boolean) => readonly Mounter[];

interface Shown {
  readonly origin: Origin;
  readonly options: readonly string[];
}

export interface Place extends Shown {
  readonly mountpoint: string;
  /** For its cache and its log: kept over a remount. */
  readonly directory: string;
}

export interface Served {
  /** The directory that shows the root of the origin. */
  readonly root: string;
  readonly pid: number;
  /** Other processes that work for it. */
  readonly workers?: readonly number[];
  /** From the start of the command until it is mounted. */
  readonly readyMs: number;
  /** Unmounts, and returns when the process has ended. */
  readonly end: () => Promise<void>;
}

export interface Mount extends Served {
  readonly mountpoint: string;
  /** Another mount with the same cache directory, after `between`. */
  readonly remount: (between: () => Promise<void>) => Promise<Mount>;
  /** Unmounts, and empties the cache. */
  readonly remove: () => Promise<void>;
}

/** Below `parent`. */
export async function mount(parent: string, { serve }: Mounter, shown: Shown): Promise<Mount> {
  const directory = await mkdtemp(join(parent, 'mount-'));
  const mountpoint = join(directory, 'mnt');
  await mkdir(mountpoint);
  let served: Served | undefined;
  const unmount = async (): Promise<void> => {
    await served?.end().finally(() => (served = undefined));
    // A program that hangs in it fails then.
    if ((await findMount(mountpoint)) !== undefined) await run('umount', ['-l', mountpoint], UNDISTURBED);
  };
  const remove = async (): Promise<void> => {
    await unmount();
    await emptyUnmounted(directory);
  };
  const serveHere = async (): Promise<Mount> => {
    served = await serve({ ...shown, mountpoint, directory });
    const remount = async (between: () => Promise<void>): Promise<Mount> => {
      await unmount();
      await between();
      return await serveHere();
    };
    return { ...served, mountpoint, remount, remove };
  };
  atEnd(remove);
  return await serveHere().catch(async (error: unknown) => {
    await remove();
    throw error;
  });
}

/**
 * Empties all files below. They are removed at the end alone: for minutes after an inode was freed ext4 passes over it with care
 * (`recently_deleted`), and the next mount would pay a millisecond for each small file.
 */
async function emptyUnmounted(path: string): Promise<void> {
  await refuseMounted(path);
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await truncate(join(entry.parentPath, entry.name));
  }
}

export async function removeUnmounted(path: string): Promise<void> {
  await refuseMounted(path);
  await rm(path, { recursive: true, force: true });
}

/** What is still mounted below is not ours to change. */
async function refuseMounted(path: string): Promise<void> {
  const below = (await readMounts()).find(({ mountpoint }) => mountpoint.startsWith(`${path}/`));
  if (below !== undefined) throw new Error(`${below.mountpoint} is still mounted; ${path} is left behind`);
}

/** As its users start it: in the background, by its command. `program`: another build of it. */
export function d7yMount(name: string, program = D7Y_MOUNT, ownOptions: readonly string[] = []): Mounter {
  const serve = async ({ mountpoint, directory, origin, options }: Place): Promise<Served> => {
    const { scheme, host, bucket, certificate, url, rule } = origin;
    const config = join(directory, 'config.yaml');
    const sources = rule === undefined ? [] : [{ match: { scheme }, ...rule }];
    // JSON is YAML.
    await writeFile(config, JSON.stringify({ sources }), { mode: 0o600 });
    const kept = ['--cache-dir', join(directory, 'cache'), '--log-file', join(directory, 'log')];
    const args = [program, mountpoint, '--config', config, ...kept, ...ownOptions, ...options];
    const env = certificate === undefined ? {} : { NODE_EXTRA_CA_CERTS: certificate };
    const { ms: readyMs } = await run(process.execPath, args, { env, ...UNDISTURBED });
    const mounted = await findMount(mountpoint);
    const server = mounted && (await servingProcess(mounted));
    if (server === undefined) throw new Error(`${mountpoint}: its process is unknown`);
    const unmount = async (): Promise<void> => {
      await run(process.execPath, [program, 'unmount', mountpoint], UNDISTURBED);
      if (!(await whenProcessEnded(server, LIMIT_MS))) process.kill(server.pid, 'SIGKILL');
    };
    const shown = bucket ?? join(host, new URL(url).pathname);
    return { root: join(mountpoint, scheme, shown), pid: server.pid, readyMs, end: unmount };
  };
  return { name, serve };
}

/** bound.c; none without a C compiler. */
export async function boundMounts(directory: string, root: string): Promise<BoundMounters> {
  const program = join(directory, 'bound');
  const source = fileURLToPath(new URL('../../bench/bound.c', import.meta.url));
  const compiled = await run('cc', ['-O2', '-pthread', '-o', program, source]).catch(() => undefined);
  const serve = async ({ mountpoint }: Place, port: string, threads: number): Promise<Served> => {
    const served = await inForeground(mountpoint, program, [mountpoint, root, port, String(threads)]);
    await raiseKernelReadahead(mountpoint, READAHEAD_KB);
    return served;
  };
  return (threads, fromMemory = false) => {
    if (compiled === undefined) return [];
    const port = ({ origin }: Place): string => (fromMemory ? '0' : new URL(origin.url).port);
    return [{ name: 'C server', serve: (place) => serve(place, port(place), threads) }];
  };
}

/** A program that serves a mount until it is unmounted. */
export async function inForeground(
  mountpoint: string,
  command: string,
  args: readonly string[],
): Promise<Served> {
  const began = performance.now();
  const child = start(command, args);
  while ((await findMount(mountpoint)) === undefined) {
    const isLate = performance.now() - began > LIMIT_MS;
    if (child.exitCode !== null || isLate) throw new Error(`${command}: no mount`);
    await sleep(POLL_MS);
  }
  const readyMs = performance.now() - began;
  const unmount = async (): Promise<void> => {
    await run('umount', ['-l', mountpoint], UNDISTURBED);
    await end(child);
  };
  return { root: mountpoint, pid: child.pid ?? NaN, readyMs, end: unmount };
}
