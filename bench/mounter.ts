/** Remote file systems that are measured side by side, each mounted again for each figure. */
import { setTimeout as sleep } from 'node:timers/promises';

import { findMount } from '../src/mount/mount-table.js';
import type { Origin } from './origin.js';
import { Programs } from './programs.js';
import type { Figures, Role, Subject } from './subject.js';

export interface MountRequest {
  readonly origin: Origin;
  /** Kept after the unmount. Undefined: one of its own, removed with the mount. */
  readonly cacheDirectory?: string;
  /** Of the program, besides those of the mounter. */
  readonly options?: readonly string[];
}

export interface Mounted {
  /** The directory that shows the root of the origin. */
  readonly root: string;
  /** The process that serves. */
  readonly pid: number;
  /** How long the command took that mounts in the background. */
  readonly readyMs: number;
  /** Returns when the process has ended. */
  readonly unmount: () => Promise<void>;
}

export interface Mounter {
  readonly role: Role;
  readonly name: string;
  /** Prints the version of the program. */
  readonly versionCommand: readonly [program: string, ...args: string[]];
  readonly mount: (request: MountRequest) => Promise<Mounted>;
}

/** Brings a mount to its steady state (warm-up.ts). */
export type WarmUp = (root: string) => Promise<void>;

/** Each mounter as a subject that is measured on a fresh mount, in which the files of the row are not cached. */
export function onFreshMounts(
  mounters: readonly Mounter[],
  request: MountRequest,
  warmUp: WarmUp,
  measure: (mounted: Mounted, round: number) => Promise<Figures>,
): Subject[] {
  return mounters.map((mounter) => ({
    role: mounter.role,
    name: mounter.name,
    measure: async (round) => await onMount(mounter, request, warmUp, (mounted) => measure(mounted, round)),
  }));
}

/** Mounts, warms up, uses the mount at once, and unmounts whatever happens. */
export async function onMount<Value>(
  mounter: Mounter,
  request: MountRequest,
  warmUp: WarmUp,
  use: (mounted: Mounted) => Promise<Value>,
): Promise<Value> {
  const mounted = await mounter.mount(request);
  try {
    await warmUp(mounted.root);
    return await use(mounted);
  } finally {
    await mounted.unmount();
  }
}

const POLL_MS = 10;

export async function untilMounted(path: string, limitMs: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if ((await findMount(path)) !== undefined) return;
    await sleep(POLL_MS);
  }
  throw new Error(`${path}: not mounted after ${limitMs} ms`);
}

/** Detaches a mount that could not be ended, so that programs that hang in it fail. */
export async function detach(path: string): Promise<void> {
  if ((await findMount(path)) === undefined) return;
  await new Programs().run('umount', ['-l', path], 10_000);
}
