/**
 * System calls that Node does not offer, called through koffi, which only this file imports. Manual pages: mount(2),
 * umount(2), ioctl(2), fcntl(2), dup3(2), flock(2), syncfs(2), fallocate(2), socketpair(2), recvmsg(2), sendto(2), madvise(2), mmap(2), memfd_create(2).
 */
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import process from 'node:process';
import { getSystemErrorName } from 'node:util';

import type koffi from 'koffi';

/** A system call failed. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  /** The name of the errno: `EPERM`. */
  readonly code: string;
  readonly call: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.code = code;
    this.call = call;
  }
}

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;

export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const UMOUNT_NOFOLLOW = 8;

/** `FUSE_DEV_IOC_BACKING_OPEN` and `_CLOSE` (uapi/linux/fuse.h, 7.40). */
const BACKING_OPEN = 0x4010e501;
const BACKING_CLOSE = 0x4004e502;

export interface Syscalls {
  mount(source: string, target: string, type: string, flags: number, options: string): void;
  unmount(target: string, flags: number): void;
  /** Lets the kernel read a file by itself; returns the id under which it knows the file. */
  openBacking(fuseFd: number, fileFd: number): number;
  closeBacking(fuseFd: number, id: number): void;
  /** Acquires the exclusive lock of an open file if it is free; the system releases it when the process ends. */
  tryLock(fd: number): boolean;
  /** Writes the file system of an open file to its device, on another thread. Rejects if that fails. */
  syncFileSystem(fd: number): Promise<void>;
  /** Frees a part of an open file, which reads as zeros then; its length stays. Throws where the file system cannot. */
  punchHole(fd: number, offset: number, bytes: number): void;
  /** A new file in memory, which is gone when no process has it open. Programs that this process starts do not get it. */
  memoryFile(name: string): number;
  /** Programs that this process starts do not get the descriptor. */
  closeOnExec(fd: number): void;
  /** Makes `target` a descriptor of the open file that `fd` is one of; closes what it was before. */
  duplicateTo(fd: number, target: number): void;
  /** Reads from it no longer block. */
  setNonBlocking(fd: number): void;
  /** Reads from a descriptor that does not block, into `memory`; returns the bytes, or -1 if it cannot, for whatever reason. */
  tryRead(fd: number, memory: Uint8Array): number;
  /** Where `memory` begins in the process's memory. */
  addressOf(memory: Uint8Array): bigint;
  /** Requests huge pages wherever they fit into `memory`. */
  adviseHugePages(memory: Uint8Array): void;
  /**
   * Brings a part of a file into the page cache, in a hundredth of the processor time that reading it takes: nothing is copied.
   * Resolves when it is there.
   */
  populatePageCache(fd: number, offset: number, bytes: number): Promise<void>;
  /** A connected pair of sockets. */
  socketPair(): [number, number];
  /**
   * Sends a message to a Unix datagram socket, by its path; `@` begins an abstract name. Does not wait. With a descriptor,
   * which the receiver gets (SCM_RIGHTS).
   */
  sendDatagram(path: string, message: string, descriptor?: number): void;
  /** A descriptor that was sent over a socket (SCM_RIGHTS). Blocks until it comes. */
  receiveDescriptor(socket: number): number;
}

/** Of a control message (cmsghdr) with a descriptor: length (8), level (4), type (4); then the descriptor. */
const CONTROL_BYTES = 24;

/** The parts of a `d7y_msghdr` that sends a descriptor along. */
function rightsMessage(address: Buffer, bytes: Buffer, descriptor: number): object {
  const [SOL_SOCKET, SCM_RIGHTS] = [1, 1];
  const control = Buffer.alloc(CONTROL_BYTES);
  control.writeBigUInt64LE(20n, 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(descriptor, 16);
  return {
    name: address,
    nameLength: address.length,
    vectors: [{ base: bytes, length: bytes.length }],
    vectorCount: 1,
    control,
    controlLength: CONTROL_BYTES,
    flags: 0,
  };
}

let loaded: Promise<Syscalls> | undefined;

/** Rejects where koffi has no library for this machine. */
export function loadSyscalls(): Promise<Syscalls> {
  return (loaded ??= load());
}

/** Loads koffi's prebuilt library by its path, in 2 ms; koffi's own search for it takes 10 to 60 ms. */
async function loadKoffi(): Promise<typeof koffi> {
  const { platform, arch } = process;
  try {
    const requireBesideKoffi = createRequire(createRequire(import.meta.url).resolve('koffi'));
    const file = `@koromix/koffi-${platform}-${arch}/${platform}_${arch}/koffi.node`;
    return requireBesideKoffi(file) as typeof koffi;
  } catch {
    // Another C library, or a package manager that puts it elsewhere.
    return (await import('koffi')).default;
  }
}

async function load(): Promise<Syscalls> {
  const ffi = await loadKoffi();
  const libc = ffi.load(null);
  ffi.struct('d7y_iovec', { base: 'void *', length: 'size_t' });
  ffi.struct('d7y_msghdr', {
    name: 'void *',
    nameLength: 'uint32_t',
    vectors: 'd7y_iovec *',
    vectorCount: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  });
  const mount = libc.func('int mount(str source, str target, str type, unsigned long flags, str options)');
  const umount2 = libc.func('int umount2(str target, int flags)');
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)');
  const socketpair = libc.func('int socketpair(int domain, int type, int protocol, _Out_ int *fds)');
  const fcntl = libc.func('int fcntl(int fd, int command, int argument)');
  const dup3 = libc.func('int dup3(int fd, int target, int flags)');
  const memfdCreate = libc.func('int memfd_create(str name, unsigned int flags)');
  const flock = libc.func('int flock(int fd, int operation)');
  const sendmsg = libc.func('long sendmsg(int fd, d7y_msghdr *message, int flags)');
  const recvmsg = libc.func('long recvmsg(int fd, _Inout_ d7y_msghdr *message, int flags)');

  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'long sendto(int fd, void *bytes, size_t length, int flags, void *address, uint32_t addressLength)',
  );
  const read = libc.func('long read(int fd, void *memory, size_t bytes)');
  const syncfs = libc.func('int syncfs(int fd)');
  const fallocate = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
  const madvise = libc.func('int madvise(void *address, size_t length, int advice)');
  const mmap = libc.func(
    'intptr_t mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const munmap = libc.func('int munmap(intptr_t address, size_t length)');

  const check = (call: string, result: unknown): number => {
    if (typeof result === 'number' && result >= 0) return result;
    throw new SystemCallError(call, ffi.errno());
  };

  return {
    mount: (source, target, type, flags, options) => {
      check('mount', mount(source, target, type, flags, options));
    },
    unmount: (target, flags) => {
      check('umount2', umount2(target, flags));
    },
    openBacking: (fuseFd, fileFd) => {
      const map = Buffer.alloc(16);
      map.writeInt32LE(fileFd, 0);
      return check('ioctl(BACKING_OPEN)', ioctl(fuseFd, BACKING_OPEN, map));
    },
    closeBacking: (fuseFd, id) => {
      const argument = Buffer.alloc(4);
      argument.writeInt32LE(id, 0);
      check('ioctl(BACKING_CLOSE)', ioctl(fuseFd, BACKING_CLOSE, argument));
    },
    tryLock: (fd) => {
      const [LOCK_EX, LOCK_NB] = [2, 4];
      return flock(fd, LOCK_EX | LOCK_NB) === 0;
    },
    syncFileSystem: (fd) =>
      new Promise((resolve, reject) => {
        syncfs.async(fd, (error: unknown, result: unknown) => {
          if (error === null && result === 0) resolve();
          // Its errno stays with the other thread.
          else reject(new SystemCallError('syncfs', constants.errno.EIO));
        });
      }),
    punchHole: (fd, offset, bytes) => {
      const [FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE] = [1, 2];
      check('fallocate', fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, offset, bytes));
    },
    memoryFile: (name) => {
      const MFD_CLOEXEC = 1;
      return check('memfd_create', memfdCreate(name, MFD_CLOEXEC));
    },
    closeOnExec: (fd) => {
      const [F_SETFD, FD_CLOEXEC] = [2, 1];
      check('fcntl', fcntl(fd, F_SETFD, FD_CLOEXEC));
    },
    duplicateTo: (fd, target) => {
      const O_CLOEXEC = 0o2000000;
      check('dup3', dup3(fd, target, O_CLOEXEC));
    },
    setNonBlocking: (fd) => {
      const [F_GETFL, F_SETFL, O_NONBLOCK] = [3, 4, 0o4000];
      check('fcntl', fcntl(fd, F_SETFL, check('fcntl', fcntl(fd, F_GETFL, 0)) | O_NONBLOCK));
    },
    tryRead: (fd, memory) => Number(read(fd, memory, memory.byteLength)),
    addressOf: (memory) => ffi.address(memory),
    adviseHugePages: (memory) => {
      const MADV_HUGEPAGE = 14;
      check('madvise', madvise(memory, memory.byteLength, MADV_HUGEPAGE));
    },
    populatePageCache: (fd, offset, bytes) =>
      new Promise((resolve, reject) => {
        const [PROT_READ, MAP_SHARED, MAP_POPULATE] = [1, 1, 0x8000];
        const flags = MAP_SHARED | MAP_POPULATE;
        mmap.async(null, bytes, PROT_READ, flags, fd, offset, (error: unknown, address: number | bigint) => {
          const isMapped = error === null && BigInt(address) !== -1n && munmap(address, bytes) === 0;
          if (isMapped) resolve();
          // Its errno stays with the other thread.
          else reject(new SystemCallError('mmap', constants.errno.EIO));
        });
      }),
    socketPair: () => {
      const [AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC] = [1, 1, 0o2000000];
      const fds = [0, 0];
      check('socketpair', socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
      return [fds[0] ?? -1, fds[1] ?? -1];
    },
    sendDatagram: (path, message, descriptor) => {
      const [AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC] = [1, 2, 0o2000000];
      const [MSG_DONTWAIT, MSG_NOSIGNAL] = [0x40, 0x4000];
      // sockaddr_un: the family (2), and the path.
      const address = Buffer.concat([Buffer.of(AF_UNIX, 0), Buffer.from(path.replace(/^@/, '\0'))]);
      const bytes = Buffer.from(message);
      const fd = check('socket', socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      try {
        const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        if (descriptor === undefined)
          check('sendto', sendto(fd, bytes, bytes.length, flags, address, address.length));
        else check('sendmsg', sendmsg(fd, rightsMessage(address, bytes, descriptor), flags));
      } finally {
        closeSync(fd);
      }
    },
    receiveDescriptor: (socket) => {
      const MSG_CMSG_CLOEXEC = 0x40000000;
      const control = Buffer.alloc(CONTROL_BYTES);
      const message = {
        name: null,
        nameLength: 0,
        vectors: [{ base: Buffer.alloc(1), length: 1 }],
        vectorCount: 1,
        control,
        controlLength: control.length,
        flags: 0,
      };
      const received = check('recvmsg', recvmsg(socket, message, MSG_CMSG_CLOEXEC));
      if (received === 0 || message.controlLength < 20) throw new SystemCallError('recvmsg', 71);
      return control.readInt32LE(16);
    },
  };
}
