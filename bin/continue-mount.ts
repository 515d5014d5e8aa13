/** Prepares that another process goes on with the mount when this one ends, and goes on with that of an earlier one. */
import { closeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';

import type { Logger } from 'pino';

import type { Continuation } from '../src/mount/continuation.js';
import { readJournal } from '../src/mount/dev-fuse/journal.js';
import { connectionFacts } from '../src/mount/dev-fuse/kept-connection.js';
import { stateOf } from '../src/mount/dev-fuse/state-journal.js';
import { findMount } from '../src/mount/mount-table.js';
import { detachPath } from '../src/mount/mountpoint.js';
import { loadSyscalls } from '../src/native/posix.js';
import type { LiveConfiguration } from './config/live-configuration.js';
import type { MountOptions } from './config/options.js';
import { isCrashLoop } from './crash-loop.js';
import type { Keeper, MountDescriptors } from './keeper.js';

/** What the kernel, or what it keeps of the mount, depends on: another value needs a new mount. */
export const FIXED_OPTIONS = ['allowOther', 'exec', 'root', 'uid', 'gid', 'umask'] as const;

type FixedOptions = Pick<MountOptions, (typeof FIXED_OPTIONS)[number]>;

/** In the journal, for the process that goes on. */
interface MountFacts {
  readonly options: FixedOptions;
  /** We made the directory that it is mounted on. */
  readonly wasCreated?: boolean;
}

/** The mount of an earlier process is to end. */
export class CrashLoopError extends Error {
  override readonly name = 'CrashLoopError';
  readonly code = 'CRASH_LOOP';
}

/** The mount that was to be gone on with is not there any more. */
export class GoneMountError extends Error {
  override readonly name = 'GoneMountError';
  readonly code = 'GONE';
}

/** Undefined: the mount ends with this process. */
export async function continuationOf(
  keeper: Keeper,
  path: string,
  configuration: LiveConfiguration,
  log: Logger,
): Promise<Continuation | undefined> {
  const onFailed = (error: unknown): void => {
    log.error({ err: error }, 'the journal cannot be written: the mount ends with this process');
    keeper.release();
  };
  const isStored = keeper.name === 'systemd';
  if (keeper.kept !== undefined) {
    const resumed = await resumedMount(keeper, keeper.kept, path, log);
    if (resumed !== undefined) {
      const facts = connectionFacts(resumed.found).mount;
      keepFixedOptions(configuration, (facts as unknown as MountFacts).options, log);
      return { journal: keeper.kept.journal, resumed, isStored, facts, keep: () => undefined, onFailed };
    }
  }
  const { options } = configuration.current;
  if (options.transport === 'fuse-native') return undefined;
  const syscalls = await loadSyscalls().catch(() => undefined);
  if (syscalls === undefined) return undefined;
  const journal = [syscalls.memoryFile('d7y-journal-0'), syscalls.memoryFile('d7y-journal-1')] as const;
  const facts = { options: fixedOptions(options) };
  return { journal, isStored, facts, keep: (device) => keeper.keep({ device, journal }), onFailed };
}

export function wasCreated({ facts }: Continuation): boolean {
  return (facts as unknown as MountFacts).wasCreated === true;
}

function fixedOptions(options: MountOptions): FixedOptions {
  const { allowOther, exec, root, uid, gid, umask } = options;
  return { allowOther, exec, root, uid, gid, umask };
}

/** The mount of the descriptors, if it stands, and is ours. Undefined: it is gone, and its descriptors are closed. */
async function resumedMount(
  keeper: Keeper,
  { device: descriptor, journal }: MountDescriptors,
  path: string,
  log: Logger,
): Promise<Continuation['resumed']> {
  const found = readJournal(journal);
  const facts = found && connectionFacts(found);
  const mount = await findMount(path);
  if (found === undefined || facts?.mountpoint !== path || mount?.device !== facts.device) {
    for (const fd of [descriptor, ...journal]) closeSync(fd);
    // A service is to have its mount; what an unmount has ended meanwhile stays so.
    if (keeper.name === 'supervisor') throw new GoneMountError(`${path}: was unmounted`);
    log.warn('the mount of the process before is gone; mounting anew');
    return undefined;
  }
  if (isCrashLoop(stateOf(found).failures)) {
    await detachPath(path).catch((error: unknown) => log.error({ err: error }, 'cannot unmount'));
    await writeFile(`/sys/fs/fuse/connections/${facts.device.split(':')[1]}/abort`, '1').catch(
      () => undefined,
    );
    keeper.release();
    throw new CrashLoopError(`${path}: processes that serve it end at once; it is unmounted`);
  }
  return { descriptor, found };
}

/** The mount stays as it is, whatever the configuration says by now. */
function keepFixedOptions(configuration: LiveConfiguration, fixed: FixedOptions, log: Logger): void {
  const { current } = configuration;
  const changed = FIXED_OPTIONS.filter((name) => !isEqual(fixed[name], current.options[name]));
  if (changed.length > 0)
    log.warn({ kept: changed }, `these need a new mount, and stay as they are: ${changed.join(', ')}`);
  configuration.replace({ ...current, options: { ...current.options, transport: 'dev-fuse', ...fixed } });
}

/** Those of the fixed options that are other ones. */
export function changedFixedOptions(now: MountOptions, next: MountOptions): string[] {
  return FIXED_OPTIONS.filter((name) => !isEqual(now[name], next[name]));
}

/** Of plain data, in which undefined and absent are the same. */
function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
