/**
 * The addresses of a name, tried as RFC 8305 ("Happy Eyeballs") says: one after the other, each 250 ms after the one
 * before or as soon as that failed, none aborted for the next. The first that connects is used.
 *
 * Not Node's `autoSelectFamily`, which gives up each address before it tries the next one: with a short limit it never
 * reaches a slow server, with a long one an address that drops packets delays every connection.
 */
import type { LookupAddress } from 'node:dns';
import type { Socket } from 'node:net';

const ATTEMPT_DELAY_MS = 250;

export interface ConnectAttempt {
  readonly socket: Socket;
  /** Emitted when it can be written to. */
  readonly readyEvent: 'connect' | 'secureConnect';
}

/** Rejects with the failure of the last attempt. `signal` ends all of them. */
export function firstToConnect(
  addresses: readonly LookupAddress[],
  begin: (address: LookupAddress) => ConnectAttempt,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = alternatingFamilies(addresses);
    const sockets = new Set<Socket>();
    let timer: NodeJS.Timeout | undefined;

    function endOthers(winner?: Socket): void {
      waiting.length = 0;
      clearTimeout(timer);
      for (const socket of sockets) if (socket !== winner) socket.destroy();
    }

    function fail(error: unknown): void {
      endOthers();
      signal.removeEventListener('abort', onAbort);
      reject(error);
    }

    function onAbort(): void {
      fail(signal.reason);
    }

    function tryNext(): void {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) return;
      if (waiting.length > 0) timer = setTimeout(tryNext, ATTEMPT_DELAY_MS);
      const { socket, readyEvent } = begin(address);
      sockets.add(socket);
      socket.once('connect', () => endOthers(socket));
      socket.once(readyEvent, () => {
        signal.removeEventListener('abort', onAbort);
        resolve(socket);
      });
      socket.on('error', (error) => {
        sockets.delete(socket);
        if (waiting.length > 0) tryNext();
        else if (sockets.size === 0) fail(error);
      });
    }

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    return tryNext();
  });
}

/** The system's order, with the families taking turns, so that an unreachable one delays no connection. */
function alternatingFamilies(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const pairs = first.flatMap((address, index) => [address, ...others.slice(index, index + 1)]);
  return [...pairs, ...others.slice(first.length)];
}
