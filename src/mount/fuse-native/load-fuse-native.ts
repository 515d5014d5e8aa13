import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** What fuse-native 2.2.6 calls back with: a negative errno or 0, and for some operations a value. */
export type Reply<Value = void> = (result: number, value?: Value) => void;

export interface Stat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  /** Cut to 32 bits by fuse-native. */
  readonly ino: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
}

export interface Statfs {
  readonly bsize: number;
  readonly frsize: number;
  readonly namemax: number;
}

/** The operations that we implement. What is missing is answered by libfuse: ENOSYS, or its default. */
export interface Operations {
  getattr(path: string, reply: Reply<Stat>): void;
  access(path: string, mode: number, reply: Reply): void;
  open(path: string, flags: number, reply: Reply<number>): void;
  read(path: string, fd: number, buffer: Buffer, length: number, offset: number, reply: Reply): void;
  release(path: string, fd: number, reply: Reply): void;
  opendir(path: string, flags: number, reply: Reply<number>): void;
  readdir(path: string, reply: Reply<string[]>): void;
  releasedir(path: string, fd: number, reply: Reply): void;
  statfs(path: string, reply: Reply<Statfs>): void;
  getxattr(path: string, name: string, position: number, reply: Reply<Buffer>): void;
  listxattr(path: string, reply: Reply<string[]>): void;
}

export interface FuseOptions {
  /** false: no limit of its own per operation; ours must hold. */
  readonly timeout: false;
  readonly fsname: string;
  readonly subtype: string;
  readonly allowOther: boolean;
}

/** Internal calls of fuse-native: replies go to the native code as they are. */
export type Signal = (result: number, ...values: unknown[]) => void;

export interface Fuse {
  readonly ops: Operations;
  /** Where it mounts. */
  mnt: string;
  mount(callback: (error: Error | null) => void): void;
  // Internals of fuse-native, which `mended` uses.
  _thread: Buffer;
  _openCallback: (error: Error | null) => void;
  readonly _malloc: unknown;
  readonly _handlers: unknown;
  _fuseOptions(): string;
  _getImplementedArray(): Uint32Array;
}

/** The native part of fuse-native. */
interface Binding {
  readonly sizeof_fuse_thread_t: number;
  fuse_native_mount(
    mountpoint: string,
    options: string,
    thread: Buffer,
    fuse: Fuse,
    ...rest: unknown[]
  ): void;
}

export type FuseConstructor = new (mountpoint: string, ops: Operations, options: FuseOptions) => Fuse;

/** fuse-native could not be loaded. The message says how to mend it. */
export class FuseNativeMissingError extends Error {
  override readonly name = 'FuseNativeMissingError';
  readonly code = 'FUSE_NATIVE_MISSING';

  constructor(cause: unknown) {
    const reason = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause);
    super(
      `the transport fuse-native cannot be loaded (${reason}): install libfuse 2 (Debian: apt-get install ` +
        'libfuse2 fuse3) and run npm install again',
      { cause },
    );
  }
}

/** Loads fuse-native, which needs a system library, only where it is used. */
export function loadFuseNative(): FuseConstructor {
  try {
    const load = createRequire(import.meta.url);
    const base = load('fuse-native') as FuseConstructor;
    const main = load.resolve('fuse-native');
    const loadBinding = createRequire(main)('node-gyp-build') as (directory: string) => Binding;
    return mended(base, loadBinding(dirname(main)));
  } catch (error) {
    throw new FuseNativeMissingError(error);
  }
}

const ERANGE = -34;

/**
 * fuse-native 2.2.6 with four faults mended: it takes a mountpoint that is named by its descriptor for one in use, passes the
 * file handle for the flags of opendir, and lets getxattr and listxattr answer more than the caller has room for.
 */
function mended(base: FuseConstructor, binding: Binding): FuseConstructor {
  return class extends base {
    _open(callback: (error: Error | null) => void): void {
      this._thread = Buffer.alloc(binding.sizeof_fuse_thread_t);
      this._openCallback = callback;
      const rest = [this._malloc, this._handlers, this._getImplementedArray()];
      try {
        binding.fuse_native_mount(this.mnt, this._fuseOptions(), this._thread, this, ...rest);
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)));
      }
    }

    _op_opendir(signal: Signal, path: string, _fh: number, flags: number): void {
      this.ops.opendir(path, flags, (result, fd) => signal(result, fd));
    }

    _op_getxattr(signal: Signal, path: string, name: string, room: Buffer, position: number): void {
      this.ops.getxattr(path, name, position, (result, value) => answer(signal, result, value, room));
    }

    _op_listxattr(signal: Signal, path: string, room: Buffer): void {
      this.ops.listxattr(path, (result, names) => {
        const value =
          names === undefined ? undefined : Buffer.from(names.map((name) => `${name}\0`).join(''));
        answer(signal, result, value, room);
      });
    }
  };
}

/** The protocol of both: no room queries the length, too little is ERANGE. */
function answer(signal: Signal, result: number, value: Buffer | undefined, room: Buffer): void {
  if (result < 0 || value === undefined) {
    signal(result, room.buffer);
  } else if (room.length === 0) {
    signal(value.length, room.buffer);
  } else if (value.length > room.length) {
    signal(ERANGE, room.buffer);
  } else {
    value.copy(room);
    signal(value.length, room.buffer);
  }
}
