/**
 * Reads requests from /dev/fuse, one after the other.
 *
 * Node offers no way to poll a character device, but libuv's pipes are polled whatever descriptor they
 * are opened on, and read into memory of ours. Measured beside reads on libuv's pool: a 4 KiB read takes
 * 48 us instead of 74 us, 10,300 lookups a second instead of 8,500, and the pool is left to others. Two or
 * three outstanding reads on the pool are no faster than one. Where Node no longer hands out its pipes
 * (`process.binding` is deprecated) the pool does it.
 *
 * libuv hands out one request for each turn of the event loop, and a turn in which several sockets bring what they
 * have takes a millisecond: 64 opens at once then waited for 0.8 s. So where several are under way, what else is
 * there is read at once. A single reader has one, whose answer must not wait for a look that finds nothing.
 */
import { read } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import process from 'node:process';

import type { Syscalls } from '../../native/posix.js';

export interface RequestReader {
  readonly kind: 'polling' | 'pool';
  /** Calls with each message, whose memory is used again afterwards; resolves when the connection has ended. */
  run(onRequest: OnRequest): Promise<void>;
}

/** Takes a request. True: others are under way, so that more of them are likely to wait. */
export type OnRequest = (message: Buffer) => boolean;

/** Room for the longest request: the header, and a name or a batch of FORGETs. The kernel asks for 8 KiB at least. */
const REQUEST_BYTES = 64 * 1024;

/** At most so many requests in one turn, so that sockets get theirs. */
const MAX_REQUESTS_PER_TURN = 32;

/** Ended by an unmount, or aborted. */
const ENDED = new Set(['ENODEV', 'EBADF', 'ECONNABORTED']);
/** Nothing was read: a signal came, or the request was interrupted while it was being read. */
const AGAIN = new Set(['EINTR', 'EAGAIN', 'ENOENT']);

/** A reader on a thread of libuv's pool, which waits in the kernel for as long as the connection stands. */
export function readOnPool(fd: number): RequestReader {
  return {
    kind: 'pool',
    run: (onRequest) =>
      new Promise((resolve, reject) => {
        const buffer = Buffer.alloc(REQUEST_BYTES);
        const next = (): void =>
          read(fd, buffer, 0, buffer.length, null, (error, bytes) => {
            try {
              if (error === null) onRequest(buffer.subarray(0, bytes));
              else if (ENDED.has(error.code ?? '')) return resolve();
              else if (!AGAIN.has(error.code ?? '')) return reject(error);
              next();
            } catch (fault) {
              reject(fault);
            }
          });
        next();
      }),
  };
}

/** Undefined where this Node has no pipes for us. */
export function readByPolling(fd: number, syscalls: Syscalls): RequestReader | undefined {
  const openPipe = pipeOpener();
  if (openPipe === undefined) return undefined;
  return {
    kind: 'polling',
    run: async (onRequest) => {
      for (;;) {
        // The socket closes its descriptor when a read fails, which is the end only for some failures.
        const code = await readUntilFailure(openPipe(syscalls.duplicate(fd)), (message, buffer) => {
          let isBusy = onRequest(message);
          for (let count = 1; isBusy && count < MAX_REQUESTS_PER_TURN; count += 1) {
            const bytes = syscalls.tryRead(fd, buffer);
            // Why it cannot be read is what the next turn finds.
            if (bytes <= 0) return;
            isBusy = onRequest(buffer.subarray(0, bytes));
          }
        });
        if (ENDED.has(code)) return;
        if (!AGAIN.has(code)) throw new Error(`reading /dev/fuse: ${code}`);
      }
    },
  };
}

/** Resolves to the code of the failure that ended the reading. What `onMessage` is given may be used until it returns. */
function readUntilFailure(
  handle: unknown,
  onMessage: (message: Buffer, buffer: Buffer) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.alloc(REQUEST_BYTES);
    // Beyond the declared ones: `handle`, as Node's own servers use it, and `onread`, as `connect` takes it.
    const options: SocketConstructorOpts & { handle: unknown; onread: OnReadOpts } = {
      handle,
      onread: {
        buffer,
        callback: (bytes) => {
          try {
            onMessage(buffer.subarray(0, bytes), buffer);
            return true;
          } catch (fault) {
            reject(fault);
            socket.destroy();
            return false;
          }
        },
      },
    };
    const socket = new Socket(options);
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('EBADF'));
    socket.resume();
  });
}

interface PipeBinding {
  readonly Pipe: new (type: number) => { open(fd: number): number };
  readonly constants: { readonly SOCKET: number };
}

function pipeOpener(): ((fd: number) => unknown) | undefined {
  if (!('binding' in process) || typeof process.binding !== 'function') return undefined;
  try {
    const { Pipe, constants } = process.binding('pipe_wrap') as PipeBinding;
    return (fd) => {
      const pipe = new Pipe(constants.SOCKET);
      pipe.open(fd);
      return pipe;
    };
  } catch {
    return undefined;
  }
}
