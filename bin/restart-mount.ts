import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { ControlError } from '../src/control/control-error.js';
import type { RestartResult } from '../src/control/operated-mount.js';
import { messageOf } from '../src/error-code.js';
import type { MountSession } from '../src/mount/transport.js';
import type { Configuration } from './config/configuration.js';
import type { LiveConfiguration } from './config/live-configuration.js';
import { changedFixedOptions } from './continue-mount.js';

/** Requests that run get so long to be answered; the next process answers the rest. */
const DRAIN_LIMIT_MS = 5_000;
/** The answer to the command goes out first. */
const ANSWER_MS = 50;
const PROGRAM_LIMIT_MS = 10_000;

export interface Restartable {
  readonly session: MountSession & { readonly layers: { readonly transport: string } };
  readonly configuration: LiveConfiguration;
  /** Whether a supervisor or a service manager keeps the mount. */
  readonly hasKeeper: boolean;
  readonly isOurs: boolean;
  readonly load: () => Promise<Configuration>;
}

/** Lets the program that is on disk now go on with the mount, if it can. */
export async function restartMount(mount: Restartable): Promise<RestartResult> {
  const { session, configuration, load } = mount;
  const { handOver } = session;
  if (handOver === undefined)
    throw new ControlError('NOT_KEPT', `the mount cannot be restarted: ${reason(mount)}`);
  const next = await load().catch((error: unknown) => {
    throw new ControlError('CONFIGURATION', messageOf(error), 'the mount goes on as it was');
  });
  const changed = changedFixedOptions(configuration.current.options, next.options);
  if (changed.length > 0) {
    const what = `these need a new mount: ${changed.join(', ')}`;
    throw new ControlError('NEEDS_REMOUNT', what, 'the mount goes on as it was');
  }
  const version = await programVersion();
  setTimeout(() => handOver(DRAIN_LIMIT_MS), ANSWER_MS);
  return { pid: process.pid, version };
}

function reason({ session, hasKeeper, isOurs }: Restartable): string {
  if (!isOurs) return 'its descriptor is that of another process';
  if (session.layers.transport === 'fuse-native') return 'fuse-native cannot hand it over, dev-fuse can';
  if (!hasKeeper)
    return 'nothing keeps it meanwhile; a mount in the background, or a service of systemd, can be';
  return 'the kernel is older than Linux 6.9';
}

/** A program that does not start would end the mount. */
async function programVersion(): Promise<string> {
  const program = fileURLToPath(new URL('d7y-mount.js', import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--version'], {
      timeout: PROGRAM_LIMIT_MS,
    });
    return stdout.trim();
  } catch (error) {
    throw new ControlError(
      'NO_PROGRAM',
      `the program does not start: ${messageOf(error)}`,
      'the mount goes on as it was',
    );
  }
}
