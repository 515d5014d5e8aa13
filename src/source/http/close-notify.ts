import type { Socket } from 'node:net';

/** libuv's answer to a read that is begun a second time. The number differs between systems, the sign does not. */
const isAlreadyReading = (status: number): boolean => status < 0;

interface TlsHandle {
  /** False: reading is paused. */
  readonly reading?: boolean;
  /** The handle of the connection below TLS. */
  readonly _parent?: { readStart?(): number };
}

/**
 * Whether a TLS stream that has just ended was ended by the peer's close_notify (RFC 8446, 6.1). Without one, somebody
 * in between may have cut it off. Call it from the listener of `end`, and use the socket no more.
 *
 * `isPaused`: the last read has stopped reading.
 *
 * Node emits the same `end` in both cases. But after a close_notify it still reads from the connection below (unless
 * it is paused, when nothing but a close_notify can have come), and after an end of that connection it does not. If a
 * later Node hides this, each end counts as a cut.
 */
export function wasEndedByCloseNotify(socket: Socket, isPaused: boolean): boolean {
  const { _handle: handle } = socket as unknown as { _handle?: TlsHandle | null };
  // One with `data`, as of a tunnel, reads on for a while when it is paused.
  const stops = socket.listenerCount('data') === 0;
  if (stops && (isPaused || handle?.reading === false)) return true;
  const status = handle?._parent?.readStart?.();
  return status !== undefined && isAlreadyReading(status);
}
