import { read, write, writevSync } from 'node:fs';

/** The kernel's end of a FUSE connection, one request or answer at a time. */
export interface FuseDevice {
  /** Reads one request into `buffer`; resolves to its bytes, or undefined when the connection has ended. */
  read(buffer: Buffer): Promise<number | undefined>;
  /** Answers a request. An answer that nobody waits for any more is dropped. */
  reply(parts: readonly Uint8Array[]): void;
  /** Tells the kernel something unasked. May take until a reader that holds a lock is answered. */
  notify(message: Uint8Array): Promise<void>;
}

/** Ended by an unmount, or aborted. */
const ENDED = new Set(['ENODEV', 'EBADF', 'ECONNABORTED']);
/** The request is gone: its caller was killed, or it was interrupted before we had it. */
const GONE = new Set(['ENOENT', 'ENODEV']);

/** An open `/dev/fuse`. */
export function fuseDevice(fd: number): FuseDevice {
  return {
    read: (buffer) =>
      new Promise((resolve, reject) => {
        const attempt = (): void =>
          read(fd, buffer, 0, buffer.length, null, (error, bytes) => {
            if (error === null) resolve(bytes);
            else if (ENDED.has(error.code ?? '')) resolve(undefined);
            // ENOENT: the request was interrupted while it was being read.
            else if (['EINTR', 'EAGAIN', 'ENOENT'].includes(error.code ?? '')) attempt();
            else reject(error);
          });
        attempt();
      }),
    reply: (parts) => {
      try {
        writevSync(fd, parts);
      } catch (error) {
        if (!GONE.has(codeOf(error))) throw error;
      }
    },
    notify: (message) =>
      new Promise((resolve) => {
        // On another thread, since it may wait for a lock. An entry that the kernel does not have is ENOENT.
        write(fd, message, () => resolve());
      }),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
