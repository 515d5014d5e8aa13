import { writeFile } from 'node:fs/promises';
import { close, closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from 'pino';

import { FailureLog } from '../failure-log.js';
import { raiseKernelReadahead } from '../kernel-readahead.js';
import { findOwnMount, isTopmost, type Mount } from '../mount-table.js';
import { detachPath, unmountPath } from '../mountpoint.js';
import type { MountEnd, MountSession, Transport, TransportOptions } from '../transport.js';
import type { VirtualFs } from '../virtual-fs.js';
import { adoptDevice } from './adopt-device.js';
import { BackingFiles } from './backing-files.js';
import { fuseDevice } from './fuse-device.js';
import { FuseOperations } from './fuse-operations.js';
import { FuseSession } from './fuse-session.js';
import { withResolvers } from '../../with-resolvers.js';
import { connectionFacts, KeptConnection } from './kept-connection.js';
import { KernelNotifier } from './kernel-notifier.js';
import { KernelPages } from './kernel-pages.js';
import { MountError, mountDevice } from './mount-device.js';
import { loadSyscalls, type Syscalls } from '../../native/posix.js';

/** A process that still uses a detached mount gets so long to be done. */
const DETACHED_GRACE_MS = 200;

/** Four requests in flight: a cold sequential read is 12 % faster than with one, and 6 % faster than with two. */
const READ_AHEAD_KB = 4096;

/** Speaks the kernel's own protocol on /dev/fuse. Linux only. */
export function devFuseTransport(log: Logger): Transport {
  return {
    name: 'dev-fuse',
    mount: async (vfs, mountpoint, options) => {
      const syscalls = await loadSyscalls();
      if (options.descriptor !== undefined) {
        return await adopt(
          vfs,
          mountpoint,
          adoptDevice(syscalls, options.descriptor),
          syscalls,
          options,
          log,
        );
      }
      const { continuation } = options;
      const fd =
        continuation?.resumed === undefined
          ? await mountDevice(syscalls, mountpoint, options)
          : adoptDevice(syscalls, continuation.resumed.descriptor);
      const mount = await findOwnMount(mountpoint);
      if (mount === undefined) {
        closeSync(fd);
        throw new MountError(`${mountpoint}: was moved while it was being mounted, and is of no use`);
      }
      const { session, ended } = await serve(vfs, fd, syscalls, options, log, mount);
      const agreement = await session.agreement.catch(async (error: unknown) => {
        await mountSession(mount, ended, log).unmount();
        throw error;
      });
      const isKept = continuation !== undefined && agreement.resend;
      const connection = mountSession(mount, ended, log, isKept ? session : undefined);
      if (isKept && continuation.resumed === undefined) continuation.keep(fd);
      const isRaised = await raiseKernelReadahead(mountpoint, READ_AHEAD_KB);
      log.debug({ ...agreement, isRaised }, 'connected to the kernel');
      return connection;
    },
  };
}

/** Serves what another process has mounted, until it is unmounted or this process ends. */
async function adopt(
  vfs: VirtualFs,
  mountpoint: string,
  fd: number,
  syscalls: Syscalls,
  options: TransportOptions,
  log: Logger,
): Promise<MountSession> {
  const { session, ended } = await serve(vfs, fd, syscalls, options, log);
  const agreement = await session.agreement;
  const isRaised = await raiseKernelReadahead(mountpoint, READ_AHEAD_KB);
  log.debug({ ...agreement, isRaised }, 'connected to the kernel, by a descriptor');
  const { promise: abandoned, resolve: abandon } = withResolvers<MountEnd>();
  const leave = async (): Promise<void> => abandon('unmounted');
  return { ended: Promise.race([ended, abandoned]), unmount: leave, detach: leave };
}

/** Serves a connection that is mounted. `mount`: of one that another process may go on with. */
async function serve(
  vfs: VirtualFs,
  fd: number,
  syscalls: Syscalls,
  { passthrough, allowOther: isShared, activity, continuation }: TransportOptions,
  log: Logger,
  mount?: Mount,
): Promise<{ session: FuseSession; ended: Promise<MountEnd> }> {
  const connection = new KeptConnection(fuseDevice(fd, syscalls));
  const { device } = connection;
  const backing = new BackingFiles(syscalls, fd, passthrough);
  const rootAttr = await vfs.getattr(vfs.root, { id: 0 });
  const pages = new KernelPages(device);
  const operations = new FuseOperations(vfs, rootAttr, new FailureLog(log), backing, pages, activity);
  const found = continuation?.resumed?.found;
  const resumed = found && connectionFacts(found).agreement;
  const session = new FuseSession(device, operations, { passthrough, isShared, activity, resumed });
  const notifier = new KernelNotifier(device, operations.inodes);
  vfs.onChanged((url) => notifier.entryChanged(url));
  if (continuation !== undefined && found !== undefined)
    connection.resume(continuation, found, { vfs, operations });
  session.agreement.then(
    (agreement) => {
      notifier.agree(agreement.kernelMinor);
      if (!agreement.passthrough) backing.disable();
      if (continuation !== undefined && mount !== undefined && resumed === undefined && agreement.resend)
        connection.begin(continuation, mount, { vfs, operations }, agreement);
    },
    () => undefined,
  );
  const ended = session
    .serve()
    .catch((error: unknown): MountEnd => {
      log.error({ err: error }, 'the connection to the kernel failed');
      return 'aborted';
    })
    .then(async (end) => {
      notifier.stop();
      await device.whenCopied();
      close(fd);
      return end;
    });
  return { session, ended };
}

/** `kept`: another process can go on with it. */
function mountSession(
  mount: Mount,
  served: Promise<MountEnd>,
  log: Logger,
  kept?: Pick<FuseSession, 'handOver'>,
): MountSession {
  const { promise: abandoned, resolve: abandon } = withResolvers<MountEnd>();
  let hasEnded = false;
  void served.then(() => (hasEnded = true));
  // The next mount gets the number of this one: the table alone does not distinguish them.
  const isOnTop = async (): Promise<boolean> => !hasEnded && (await isTopmost(mount));
  const removed = served.then(async (how) => {
    // Nothing can be read of it any more, and the kernel keeps its number.
    if (how !== 'aborted' || !(await isTopmost(mount))) return how;
    log.error('the connection to the kernel was aborted; the mount is removed');
    await detachPath(mount.mountpoint).catch((error: unknown) => log.error({ err: error }, 'cannot unmount'));
    return how;
  });
  return {
    ended: Promise.race([removed, abandoned]),
    handOver: kept && ((limitMs) => kept.handOver(limitMs)),
    detach: async () => {
      if (await isOnTop()) await detachPath(mount.mountpoint);
    },
    unmount: async () => {
      if (await isOnTop()) await unmountPath(mount.mountpoint);
      if (await settlesWithin(served, DETACHED_GRACE_MS)) return;
      // Detached, and still in use. Where no fusectl is mounted, the end of this process does it.
      const minor = mount.device.split(':')[1];
      await writeFile(`/sys/fs/fuse/connections/${minor}/abort`, '1').catch(() => undefined);
      if (!(await settlesWithin(served, DETACHED_GRACE_MS))) abandon('unmounted');
    },
  };
}

function settlesWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  return Promise.race([work.then(() => true), sleep(limitMs, false)]);
}
