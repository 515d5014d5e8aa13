/**
 * Reads requests from /dev/fuse, one after the other: libuv polls what is behind a socket's descriptor, and a read on its pool takes
 * three times the processor time. It reads one request in each turn of the event loop; where several are in flight the others
 * are read at once (64 opens waited for 0.8 s). A single reader's reply must not wait for a read that finds nothing.
 */
import { closeSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

import type { Syscalls } from '../../native/posix.js';

/** Takes a request. True: others are in flight, so that more of them are likely to wait. */
export type OnRequest = (message: Buffer) => boolean;

/** Room for the longest request: the header, and a name or a batch of FORGETs. The kernel requires 8 KiB at least. */
const REQUEST_BYTES = 64 * 1024;

/** At most so many requests in one turn, so that sockets get theirs. */
const MAX_REQUESTS_PER_TURN = 32;

/** The connection was aborted: the mount is still there. */
const ABORTED = 'ECONNABORTED';
/** Ended by an unmount. */
const ENDED = new Set(['ENODEV', 'EBADF']);
/** Nothing was read: a signal came, or the request was interrupted while it was being read. */
const AGAIN = new Set(['EINTR', 'EAGAIN', 'ENOENT']);

/** Calls with each message, whose memory is used again afterwards; resolves when the connection has ended, or the signal. */
export async function readRequests(
  fd: number,
  syscalls: Syscalls,
  onRequest: OnRequest,
  signal?: AbortSignal,
): Promise<'ended' | 'aborted'> {
  syscalls.setNonBlocking(fd);
  for (;;) {
    // The socket closes its descriptor when a read fails, which is the end only for some failures.
    const code = await readUntilFailure(
      fd,
      syscalls,
      (message, buffer) => {
        let isBusy = onRequest(message);
        for (let count = 1; isBusy && count < MAX_REQUESTS_PER_TURN; count += 1) {
          const bytes = syscalls.tryRead(fd, buffer);
          // Why it cannot be read is what the next turn finds.
          if (bytes <= 0) return;
          isBusy = onRequest(buffer.subarray(0, bytes));
        }
      },
      signal,
    );
    if (ENDED.has(code) || signal?.aborted === true) return 'ended';
    if (code === ABORTED) return 'aborted';
    if (!AGAIN.has(code)) throw new Error(`reading /dev/fuse: ${code}`);
  }
}

/** Resolves to the code of the failure that ended the reading. What `onMessage` is given may be used until it returns. */
function readUntilFailure(
  fd: number,
  syscalls: Syscalls,
  onMessage: (message: Buffer, buffer: Buffer) => void,
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.alloc(REQUEST_BYTES);
    const [polled, peer] = syscalls.socketPair();
    // Beyond the declared ones: `onread`, as `connect` takes it.
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd: polled,
      readable: true,
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
    // Node accepts a descriptor of a socket only; libuv looks at it when this turn of the event loop ends.
    syscalls.duplicateTo(fd, polled);
    closeSync(peer);
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('EBADF'));
    signal?.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.resume();
  });
}
