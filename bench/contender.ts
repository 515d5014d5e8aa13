/** Remote filesystems that are measured side by side, each mounted anew for each figure. */
import { setTimeout as sleep } from 'node:timers/promises';

import { findMount } from '../src/mount/mount-table.js';
import type { Origin } from './origin.js';
import { Programs } from './programs.js';
import type { Entrant, Figures, Role } from './row.js';
import type { Stage } from './stage.js';

export interface MountRequest {
  readonly origin: Origin;
  /** Kept after the unmount. Undefined: one of its own, removed with the mount. */
  readonly cacheDirectory?: string;
  /** Of the program, besides those that make the contender what it is. */
  readonly options?: readonly string[];
}

export interface Mounted {
  /** The directory that shows the root of the origin. */
  readonly root: string;
  /** The process that serves. */
  readonly pid: number;
  /** Returns when the process has ended. */
  readonly unmount: () => Promise<void>;
}

export interface Contender {
  readonly role: Role;
  readonly name: string;
  readonly mount: (request: MountRequest) => Promise<Mounted>;
}

/** Each contender as an entrant that measures on a fresh mount, in which nothing is cached. */
export function onFreshMounts(
  contenders: readonly Contender[],
  request: MountRequest,
  measure: (mounted: Mounted, round: number) => Promise<Figures>,
): Entrant[] {
  return contenders.map((contender) => ({
    role: contender.role,
    name: contender.name,
    measure: async (round) => await onMount(contender, request, (mounted) => measure(mounted, round)),
  }));
}

/** A mount is used for long: what is measured is not its start. */
export const SETTLE_MS = 5_000;

/** Mounts, and unmounts whatever happens. */
export async function onMount<Value>(
  contender: Contender,
  request: MountRequest,
  use: (mounted: Mounted) => Promise<Value>,
): Promise<Value> {
  const mounted = await contender.mount(request);
  try {
    await sleep(SETTLE_MS);
    return await use(mounted);
  } finally {
    await mounted.unmount();
  }
}

/** The contenders that every row of mounts has: ours, and the peer in its modes. */
export function contendersOf(stage: Stage): Contender[] {
  return [stage.ours, ...stage.peers];
}

const POLL_MS = 10;

export async function untilMounted(path: string, limitMs: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if ((await findMount(path)) !== undefined) return;
    await sleep(POLL_MS);
  }
  throw new Error(`${path}: not mounted after ${limitMs} ms`);
}

/** The last resort: the mount is detached, so that whoever hangs in it fails. */
export async function detach(path: string): Promise<void> {
  if ((await findMount(path)) === undefined) return;
  await new Programs().run('umount', ['-l', path], 10_000);
}
