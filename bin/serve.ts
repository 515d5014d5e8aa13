import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

import type { Logger } from 'pino';

import { prepareMountpoint, removeMountpoint } from '../src/mount/mountpoint.js';
import { compose } from './compose.js';
import type { MountOptions } from './options.js';
import { rehearse } from './rehearsal/rehearsal.js';
import { noteProcess } from './run-file.js';

/**
 * Code that runs for the first time is compiled to machine code at once, if not the best one: opening a file that
 * nobody has opened takes 1.1 ms instead of 2.0 in a mount that has just come up (medians of twenty files).
 */
const COMPILE_AT_ONCE = ['--always-sparkplug', '--no-lazy-feedback-allocation'];
/**
 * Garbage is collected when what was left of the last time has grown by so much. V8 would wait for three or four times
 * as much: 64 readers of 64 files then take 295 MiB instead of 235, and are no faster.
 */
const COLLECT_EARLY = '--heap-growing-percent=40';

/** A mount whose rehearsal fails is slower at first, and nothing else. */
async function rehearseQuietly(signal: AbortSignal, options: MountOptions, log: Logger): Promise<void> {
  try {
    await rehearse(signal, { sources: options, hasDiskCache: options.cacheSize > 0 });
    log.debug('rehearsed');
  } catch (error) {
    log.debug({ err: error }, 'cannot rehearse');
  }
}

/** Mounts and serves until the mount is gone, for whatever reason. Resolves to the exit code. */
export async function serve(
  path: string,
  options: MountOptions,
  log: Logger,
  onReady: (path: string) => void,
): Promise<number> {
  for (const flag of [...COMPILE_AT_ONCE, COLLECT_EARLY]) setFlagsFromString(flag);
  const mountpoint = await prepareMountpoint(path);
  try {
    const session = await compose(mountpoint.path, options, log);
    let exitCode = 0;
    let signals = 0;
    const unmount = (): void => {
      session.unmount().catch((error: unknown) => log.error({ err: error }, 'cannot unmount'));
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        signals += 1;
        log.info({ signal }, 'unmounting');
        if (signals > 1) process.exit(1);
        unmount();
      });
    }
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'unexpected; unmounting');
      exitCode = 1;
      unmount();
    });
    process.on('unhandledRejection', (error) => log.error({ err: error }, 'unexpected; going on'));
    log.info({ mountpoint: mountpoint.path, pid: process.pid }, 'mounted');
    const forgetProcess = await noteProcess(mountpoint.path);
    onReady(mountpoint.path);
    const rehearsal = new AbortController();
    const rehearsed = options.rehearsal ? rehearseQuietly(rehearsal.signal, options, log) : undefined;
    await session.ended;
    rehearsal.abort();
    await rehearsed;
    await forgetProcess();
    log.info('unmounted cleanly');
    return exitCode;
  } finally {
    await removeMountpoint(mountpoint);
  }
}
