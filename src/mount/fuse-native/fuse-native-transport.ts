import { readdir, readlink } from 'node:fs/promises';
import { constants } from 'node:os';
import process from 'node:process';

import type { Logger } from 'pino';

import type { Attr } from '../attr.js';
import type { Caller } from '../caller.js';
import { errnoOf } from '../errno.js';
import { FailureLog } from '../failure-log.js';
import { raiseKernelReadahead } from '../kernel-readahead.js';
import { loadSyscalls } from '../../native/posix.js';
import { detachPath, MountpointError, openMountpoint, unmountPath } from '../mountpoint.js';
import { findOwnMount, isMounted, isTopmost, type Mount } from '../mount-table.js';
import { NAME_MAX_BYTES } from '../path-name.js';
import type { MountEnd, MountSession, Transport, TransportOptions } from '../transport.js';
import type { VirtualFs } from '../virtual-fs.js';
import { loadFuseNative, type Operations, type Reply, type Stat } from './load-fuse-native.js';
import { ANYBODY_ID, PathOperations } from './path-operations.js';

/** libfuse does not report when the kernel ends the mount: the mount table and the descriptor are polled. */
const POLL_MS = 250;
const BLOCK_BYTES = 4096;
/** Eight requests. */
const READ_AHEAD_KB = 1024;

/** FUSE through libfuse 2 and the package fuse-native. */
export function fuseNativeTransport(log: Logger): Transport {
  return {
    name: 'fuse-native',
    mount: async (vfs, mountpoint, options) => {
      const FuseNative = loadFuseNative();
      const directory = await openMountpoint(mountpoint);
      const fuse = new FuseNative(mountpoint, operations(vfs, options, new FailureLog(log)), {
        timeout: false,
        // What fuse-native has no option for rides on one that it has. Names of unknown type must be
        // looked up every time, so nothing is kept by the kernel but pages.
        fsname: [
          options.source.replaceAll(/[\\,]/g, String.raw`\$&`),
          'use_ino,entry_timeout=0,attr_timeout=0,ac_attr_timeout=0,ro,nosuid,nodev',
          ...(options.exec ? [] : ['noexec']),
          ...(options.checksPermissions ? ['default_permissions'] : []),
        ].join(','),
        subtype: 'd7y',
        allowOther: options.allowOther,
      });
      // The dot makes fusermount, for an ordinary user, follow what it would take for a link. For root libfuse mounts by itself,
      // and with the dot it would look into the mount before it is served.
      fuse.mnt = `/proc/${process.pid}/fd/${directory.fd}${process.getuid?.() === 0 ? '' : '/.'}`;
      try {
        await new Promise<void>((resolve, reject) => {
          fuse.mount((error) => (error === null ? resolve() : reject(error)));
        });
      } finally {
        await directory.close();
      }
      const mount = await findOwnMount(mountpoint);
      const fd = await deviceDescriptor();
      if (mount === undefined || fd === undefined) {
        throw new MountpointError('CANNOT_ACCESS', mountpoint, 'was moved or unmounted while it was mounted');
      }
      // libfuse 2 opens it so that plugins would inherit it.
      (await loadSyscalls()).closeOnExec(fd);
      const isRaised = await raiseKernelReadahead(mountpoint, READ_AHEAD_KB);
      log.debug({ isRaised }, 'kernel readahead');
      return mountSession(mount, fd);
    },
  };
}

/** The descriptor of /dev/fuse, which libfuse opens, and closes when the connection has ended. */
async function deviceDescriptor(): Promise<number | undefined> {
  const fds = (await readdir('/proc/self/fd')).map(Number);
  const opened = await Promise.all(fds.map(isDevice));
  return fds.find((_, i) => opened[i]);
}

async function isDevice(fd: number): Promise<boolean> {
  return (await readlink(`/proc/self/fd/${fd}`).catch(() => '')) === '/dev/fuse';
}

function mountSession(mount: Mount, fd: number): MountSession {
  // The next mount gets the number of this one: the table alone does not distinguish them.
  const isServed = async (): Promise<boolean> => (await isDevice(fd)) && (await isMounted(mount));
  const isOnTop = async (): Promise<boolean> => (await isDevice(fd)) && (await isTopmost(mount));
  const ended = new Promise<MountEnd>((resolve) => {
    const timer = setInterval(() => {
      void isServed().then((goesOn) => {
        if (goesOn) return;
        clearInterval(timer);
        resolve('unmounted');
      });
    }, POLL_MS);
  });
  return {
    ended,
    unmount: async () => {
      if (await isOnTop()) await unmountPath(mount.mountpoint);
    },
    detach: async () => {
      if (await isOnTop()) await detachPath(mount.mountpoint);
    },
  };
}

function operations(vfs: VirtualFs, options: TransportOptions, failures: FailureLog): Operations {
  const paths = new PathOperations(vfs);

  /** Runs an operation within its time limit, and replies exactly once. */
  function run<Value>(
    name: string,
    path: string,
    work: (caller: Caller) => Promise<Value>,
    reply: Reply<Value>,
  ): void {
    const controller = new AbortController();
    const { activity } = options;
    const running = activity.begin(name);
    const isLogged = activity.accessLog.isFollowed;
    const settle = (errno: number, value?: Value): void => {
      activity.end(running, errno);
      if (isLogged)
        activity.accessLog.add({ operation: name, path, errno, ms: performance.now() - running.startedMs });
      if (errno === 0) reply(0, value);
      else reply(-errno);
    };
    const timer = setTimeout(() => controller.abort(), options.operationLimitMs);
    work({ id: ANYBODY_ID, signal: controller.signal })
      .then(
        (value) => settle(0, value),
        (error: unknown) => {
          const purpose = name === 'read' ? 'data' : 'attributes';
          failures.note(name, path, error, purpose);
          settle(controller.signal.aborted ? constants.errno.ETIMEDOUT : errnoOf(error, purpose));
        },
      )
      .finally(() => clearTimeout(timer));
  }

  return {
    getattr: (path, reply) =>
      run('getattr', path, async (caller) => toStat(await paths.getattr(path, caller)), reply),
    access: (path, mode, reply) => run('access', path, (caller) => paths.access(path, mode, caller), reply),
    open: (path, _flags, reply) => run('open', path, (caller) => paths.open(path, caller), reply),
    read: (path, fd, buffer, length, offset, reply) =>
      run(
        'read',
        path,
        (caller) => vfs.read(fd, offset, length, caller, (views) => copyInto(buffer, views)),
        (result, bytes = 0) => reply(result < 0 ? result : bytes),
      ),
    release: (_path, fd, reply) => {
      paths.release(fd);
      reply(0);
    },
    opendir: (path, flags, reply) =>
      run('opendir', path, (caller) => paths.opendir(path, flags, caller), reply),
    readdir: (path, reply) => run('readdir', path, (caller) => paths.readdir(path, caller), reply),
    releasedir: (path, fd, reply) => {
      paths.releasedir(path, fd);
      reply(0);
    },
    statfs: (_path, reply) => reply(0, { bsize: BLOCK_BYTES, frsize: BLOCK_BYTES, namemax: NAME_MAX_BYTES }),
    getxattr: (path, name, _position, reply) =>
      run('getxattr', path, async (caller) => Buffer.from(await paths.getxattr(path, name, caller)), reply),
    listxattr: (path, reply) =>
      run('listxattr', path, async (caller) => [...(await paths.listxattr(path, caller))], reply),
  };
}

/** Into libfuse's own buffer, which is gone once the reply is given: once, and synchronously. */
function copyInto(buffer: Buffer, views: readonly Uint8Array[]): number {
  let position = 0;
  for (const view of views) {
    buffer.set(view, position);
    position += view.byteLength;
  }
  return position;
}

function toStat(attr: Attr): Stat {
  const mtime = Math.max(0, Math.floor(attr.mtimeMs));
  return {
    mode: attr.mode,
    uid: attr.uid,
    gid: attr.gid,
    size: attr.size,
    nlink: attr.nlink,
    // fuse-native has 32 bits for it; 0 would hide the entry.
    ino: attr.ino % 0x1_0000_0000 || 1,
    blksize: BLOCK_BYTES,
    blocks: Math.ceil(attr.size / 512),
    atime: mtime,
    mtime,
    ctime: mtime,
  };
}
