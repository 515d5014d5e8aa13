import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

import type { Logger } from 'pino';

import { canonicalPath, checkOutside } from '../src/mount/mountpoint.js';
import type { MountSession } from '../src/mount/transport.js';
import type { MountRequest } from './mount-request.js';
import { acquireStartLock } from './start-lock.js';
import { startMount } from './start-mount.js';
import { hasTerminal } from './terminal.js';

/**
 * Garbage is collected when what was left of the last time has grown by so much. V8 would wait for three or four times
 * as much: 64 readers of 64 files then take 295 MiB instead of 256, and are no faster. With half of it (246 MiB) a listing of
 * ten thousand entries is interrupted by a collection of 20 to 30 ms.
 */
const COLLECT_EARLY = '--heap-growing-percent=80';

/** Whoever asks a second time for the end of the mount waits for what is under way for so long. */
const ENDING_GRACE_MS = 1_000;
/** Less than `runInBackground` waits for the mount. */
const LOCK_LIMIT_MS = 20_000;

/** `count`: how often it has been asked for by now. */
function onSignals(log: Logger, take: (signal: NodeJS.Signals, count: number) => void): void {
  let count = 0;
  // Afterwards it is none any more.
  const canHangUp = hasTerminal();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && !canHangUp) {
        log.info({ signal }, 'no terminal is used here; going on');
        return;
      }
      count += 1;
      take(signal, count);
    });
  }
}

/** Mounts and serves until the mount is gone, for whatever reason. Resolves to the exit code. */
export async function serve(
  given: MountRequest,
  log: Logger,
  onReady: (path: string) => void,
): Promise<number> {
  setFlagsFromString(COLLECT_EARLY);
  const request = { ...given, path: await canonicalPath(given.path) };
  // Its rotation would wait for the mount that it serves.
  const { logFile } = request.options;
  if (logFile !== undefined) await checkOutside(request.path, 'log file', logFile);
  const { path } = request;
  const lock = await acquireStartLock(path, LOCK_LIMIT_MS);
  let session: MountSession | undefined;
  let [exitCode, isUnwanted] = [0, false];
  const cannotUnmount = (error: unknown): void => log.error({ err: error }, 'cannot unmount');
  const unmount = (): void => {
    // While it comes up there is nothing to unmount yet.
    isUnwanted = true;
    session?.unmount().catch(cannotUnmount);
  };
  const detachAndExit = async (): Promise<void> => {
    await session?.detach().catch(cannotUnmount);
    await sleep(ENDING_GRACE_MS);
    process.exit(1);
  };
  onSignals(log, (signal, count) => {
    log.info({ signal }, count === 1 ? 'unmounting' : 'asked again; exiting');
    if (count === 1) unmount();
    else if (count === 2) void detachAndExit();
    else process.exit(1);
  });
  const started = await startMount(request, lock, log);
  session = started.session;
  if (isUnwanted) unmount();
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'unexpected; unmounting');
    exitCode = 1;
    unmount();
  });
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unexpected; going on'));
  log.info({ mountpoint: path, pid: process.pid }, 'mounted');
  onReady(path);
  await session.ended;
  await started.cleanUp();
  log.info('unmounted cleanly');
  return exitCode;
}
