import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import type { Worker } from 'node:worker_threads';

import type { Logger } from 'pino';

import { descriptorOf, mountOfDescriptor } from '../src/mount/adopted-descriptor.js';
import { canonicalPath, checkOutside } from '../src/mount/mountpoint.js';
import type { ReloadResult } from '../src/control/operated-mount.js';
import { safeText } from '../src/source/safe-text.js';
import type { MountSession } from '../src/mount/transport.js';
import { compose } from './compose.js';
import { openControl } from './control.js';
import type { Configuration } from './config/configuration.js';
import { continuationOf } from './continue-mount.js';
import { descriptorStore } from './descriptor-store.js';
import type { Keeper } from './keeper.js';
import { serviceNotifier } from './service-notifier.js';
import { acquireStartLock, NO_LOCK } from './start-lock.js';
import { restartMount } from './restart-mount.js';
import { startMount } from './start-mount.js';
import { onEndSignal, onReloadSignal } from './signals.js';
import type { MountRequest } from './config/mount-request.js';

/**
 * Collects garbage when the heap has grown by 80 % since the last collection; V8's default is three to four times its size.
 * 64 readers of 64 files then take 256 MiB instead of 295, and are as fast. With 40 % (246 MiB) a collection of 20 to 30 ms
 * interrupts a listing of ten thousand entries.
 */
const COLLECT_EARLY = '--heap-growing-percent=80';

/**
 * The young generation stays as it is after the start, of 4 or 8 MiB, where V8 lets it grow to 32 (128 in Node 24) as soon as a burst of
 * work is reachable at once. 64 readers take 25 MiB less so, for 3 % more of a processor; other rows of the bench cost as much.
 */
const STAY_SMALL = '--semi-space-growth-factor=1';

/** After a second signal, operations in progress get so long to end. */
const ENDING_GRACE_MS = 1_000;
/** sysexits(3): a fault of the program. */
const EXIT_SOFTWARE = 70;
/** EX_TEMPFAIL: a service manager starts it again. */
const EXIT_HANDED_OVER = 75;
/** Less than `runInBackground` waits for the mount. */
const LOCK_LIMIT_MS = 20_000;

/** Who keeps the mount at a path over the end of this process. */
export type KeeperFor = (mountpoint: () => string, log: Logger) => Keeper;

export interface ServeEvents {
  readonly onReady: (path: string) => void;
  /** Undefined: a service manager, or no one. */
  readonly keeperFor?: KeeperFor | undefined;
  /** Reads the configuration. */
  readonly load: () => Promise<Configuration>;
  /** The configuration is to be read anew. */
  readonly onReload: () => Promise<ReloadResult>;
  readonly setLogLevel: (level: string) => void;
  /** Lines of the log, by level. */
  readonly logMessages: Readonly<Record<string, number>>;
}

/** Mounts and serves until the mount is gone, for whatever reason. Resolves to the exit code. */
export async function serve(
  given: MountRequest,
  log: Logger,
  { onReady, keeperFor, load, onReload, setLogLevel, logMessages }: ServeEvents,
): Promise<number> {
  setFlagsFromString(COLLECT_EARLY);
  setFlagsFromString(STAY_SMALL);
  // Node 20 sets it back for all heaps with each that a thread gets.
  process.on('worker', (worker: Worker) => worker.once('online', () => setFlagsFromString(STAY_SMALL)));
  const descriptor = descriptorOf(given.path);
  const isOurs = descriptor === undefined;
  const request = { ...given, descriptor, path: await pathOf(given.path, descriptor) };
  // Its rotation would wait for the mount that it serves.
  const { logFile } = request.configuration.current.options;
  if (logFile !== undefined) await checkOutside(request.path, 'log file', logFile);
  // What it loads when it is used would be hidden from it.
  await checkOutside(request.path, 'program', fileURLToPath(import.meta.url));
  const { path } = request;
  const notifier = await serviceNotifier(log);
  const keeper = isOurs ? ((await descriptorStore(notifier)) ?? keeperFor?.(() => path, log)) : undefined;
  const continuation = keeper && (await continuationOf(keeper, path, request.configuration, log));
  // What is resumed is mounted.
  const isNew = isOurs && continuation?.resumed === undefined;
  const lock = isNew ? await acquireStartLock(path, LOCK_LIMIT_MS) : NO_LOCK;
  let session: MountSession | undefined;
  let [exitCode, isEnding] = [0, false];
  const cannotUnmount = (error: unknown): void => log.error({ err: error }, 'cannot unmount');
  const unmount = (): void => {
    // There is nothing to unmount before the mount stands.
    isEnding = true;
    notifier.stopping();
    session?.unmount().catch(cannotUnmount);
  };
  const detachAndExit = async (): Promise<void> => {
    await session?.detach().catch(cannotUnmount);
    await sleep(ENDING_GRACE_MS);
    process.exit(1);
  };
  onEndSignal((signal, count) => {
    log.info(
      { signal },
      count === 1 ? (isOurs ? 'unmounting' : 'leaving the mount') : 'another signal; exiting',
    );
    if (count === 1) unmount();
    else if (count === 2) void detachAndExit();
    else process.exit(1);
  });
  const status = `serving ${safeText(path)}`;
  // One at a time, the last one with what is there then.
  let reloading: Promise<unknown> = Promise.resolve();
  const reload = (): Promise<ReloadResult> => {
    notifier.reloading();
    const reloaded = reloading.then(onReload);
    reloading = reloaded.catch(() => undefined).then(() => notifier.ready(status));
    return reloaded;
  };
  onReloadSignal(() => {
    log.info({ signal: 'SIGHUP' }, 'reading the configuration anew');
    // Its faults are logged.
    reload().catch(() => undefined);
  });
  const started = await startMount({ ...request, continuation }, lock, log, compose);
  const isKept = started.session.handOver !== undefined;
  session = started.session;
  const { configuration } = request;
  const restartable = {
    session: started.session,
    configuration,
    hasKeeper: keeper !== undefined,
    isOurs,
    load,
  };
  const operation = {
    path,
    configuration,
    reload,
    setLogLevel,
    logMessages,
    isEnding: () => isEnding,
    restart: () => restartMount(restartable),
    keeper: isKept ? (keeper?.name ?? null) : null,
  };
  const isResumed = continuation?.resumed !== undefined;
  const closeControl = await openControl(started.session.layers, operation, log, isResumed).catch(
    async (error: unknown) => {
      unmount();
      await started.session.ended;
      await started.cleanUp();
      throw error;
    },
  );
  if (isEnding) unmount();
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, isKept ? 'unexpected; another process goes on' : 'unexpected; unmounting');
    if (isKept) process.exit(EXIT_SOFTWARE);
    exitCode = 1;
    unmount();
  });
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unexpected; going on'));
  log.info({ path }, isResumed ? 'goes on with the mount' : 'mounted');
  onReady(path);
  notifier.ready(status);
  if (isKept) keeper?.serving();
  const how = await session.ended;
  if (how === 'handed over') {
    await closeControl();
    await started.leave();
    keeper?.handingOver();
    log.info('another process goes on with the mount');
    return EXIT_HANDED_OVER;
  }
  if (!isEnding) notifier.stopping();
  keeper?.ended();
  await closeControl();
  await started.cleanUp();
  if (how === 'aborted') return 1;
  log.info(isOurs ? 'unmounted cleanly' : 'ended cleanly');
  return exitCode;
}

/** As the mount table has it, where it can be seen. */
async function pathOf(given: string, descriptor: number | undefined): Promise<string> {
  if (descriptor === undefined) return await canonicalPath(given);
  return (await mountOfDescriptor(descriptor))?.mountpoint ?? given;
}
