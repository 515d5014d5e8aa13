import { write, writev, writevSync } from 'node:fs';

import { codeOf } from '../../error-code.js';
import { type OnRequest, readRequests } from './request-reader.js';
import type { Syscalls } from '../../native/posix.js';

/** The kernel's end of a FUSE connection. */
export interface FuseDevice {
  /** Hands on each request, whose memory is used again after the call; resolves when the connection has ended. */
  serve(onRequest: OnRequest): Promise<'ended' | 'aborted'>;
  /** Hands on no more requests, which ends `serve`; those that were handed on can be replied to. */
  stop(): void;
  /** Replies to a request. A reply to a request that has ended is dropped. */
  reply(parts: readonly Uint8Array[]): void;
  /** As `reply`; another thread copies the parts, until this resolves. */
  replyLater(parts: readonly Uint8Array[]): Promise<void>;
  /** Drops the replies and notifications that come, and resolves when no other thread has the descriptor for a reply: it may be closed then. */
  whenCopied(): Promise<void>;
  /** Sends the kernel a notification. May block until a request that holds a lock is answered. */
  notify(message: Uint8Array): Promise<void>;
}

/** All threads of libuv's pool may wait for a disk: a reply that none of them has taken by then is sent by this one. */
const LATE_MS = 50;
/** The request is gone: its caller was killed, or it was interrupted before we had it. */
const GONE = new Set(['ENOENT', 'ENODEV']);

/** An open `/dev/fuse`. */
export function fuseDevice(fd: number, syscalls: Syscalls): FuseDevice {
  let hasEnded = false;
  const copying = new Set<Promise<void>>();
  const stopped = new AbortController();
  /** False: the request is gone. */
  const send = (parts: readonly Uint8Array[]): boolean => {
    try {
      writevSync(fd, parts);
      return true;
    } catch (error) {
      if (!GONE.has(codeOf(error))) throw error;
      return false;
    }
  };
  return {
    stop: () => stopped.abort(),
    serve: async (onRequest) => {
      try {
        return await readRequests(fd, syscalls, onRequest, stopped.signal);
      } finally {
        hasEnded = !stopped.signal.aborted;
      }
    },
    reply: (parts) => {
      // The descriptor is closed when the connection has ended, and its number may be another file's then.
      if (!hasEnded) send(parts);
    },
    replyLater: (parts) => {
      if (hasEnded) return Promise.resolve();
      return new Promise((resolve, reject) => {
        // Of two replies the kernel drops the second one by its header, and looks at no other part.
        const late = setTimeout(() => {
          try {
            if (!hasEnded && send(parts)) resolve();
          } catch (error) {
            reject(error);
          }
        }, LATE_MS);
        const copied = new Promise<void>((done) => {
          writev(fd, parts, (error) => {
            clearTimeout(late);
            copying.delete(copied);
            done();
            if (error === null || GONE.has(codeOf(error))) resolve();
            else reject(error);
          });
        });
        copying.add(copied);
      });
    },
    whenCopied: async () => {
      hasEnded = true;
      await Promise.all(copying);
    },
    notify: (message) =>
      new Promise((resolve) => {
        // On another thread, since it may wait for a lock. An entry that the kernel does not have is ENOENT.
        if (hasEnded) resolve();
        else write(fd, message, () => resolve());
      }),
  };
}
