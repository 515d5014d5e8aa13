import type { AccessLog } from './access-log.js';
import { FsError } from './fs-error.js';
import type { OpenFile } from './open-file.js';

/** A read waits for the next lines. */
export function openAccessLog(log: AccessLog): OpenFile {
  const follower = log.follow();
  return {
    version: 'accesslog',
    saved: undefined,
    size: undefined,
    localFd: undefined,
    whenSizeKnown: () => Promise.reject(new FsError('NOT_PERMITTED', 'accesslog', 'it has no end')),
    read: async (_offset, length, sink, caller) => {
      caller.isFollowing = true;
      return sink([await follower.read(length, caller.signal)]);
    },
    head: () => new Uint8Array(),
    close: () => follower.close(),
  };
}
