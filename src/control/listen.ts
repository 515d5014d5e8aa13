import { createServer, type Server } from 'node:net';
import process from 'node:process';

import type { ControlScope, ControlServer } from './control-server.js';
import type { OperatedMount } from './operated-mount.js';

/** unix(7). Node would cut a longer one off. */
const MAX_PATH_BYTES = 107;
/** Only its owner, and root, may connect. */
const PRIVATE_UMASK = 0o177;

/** Ends the server. */
export type Close = () => Promise<void>;

/** Where it is: the path of a Unix socket, or an address. */
export type ListenAt = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * Serves a mount at an address. What speaks HTTP is loaded for the first connection: a start does not wait for it. Rejects
 * with the system's error if the address cannot be used.
 */
export async function listen(at: ListenAt, mount: OperatedMount, scope: ControlScope): Promise<Listening> {
  let serving: Promise<ControlServer> | undefined;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    serving ??= import('./control-server.js').then((module) => new module.ControlServer(mount, scope));
    serving.then(
      (control) => control.accept(socket),
      () => socket.destroy(),
    );
  });
  await listening(server, at);
  server.unref();
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : undefined,
    close: async () => {
      // The program may have been replaced before the first connection: then there is nothing to load.
      (await serving?.catch(() => undefined))?.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Listening {
  /** Undefined: it is no address of the network. */
  readonly port: number | undefined;
  /** Removes the socket too. */
  readonly close: Close;
}

function listening(server: Server, at: ListenAt): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).once('listening', resolve);
    if ('host' in at) {
      server.listen(at);
      return;
    }
    if (Buffer.byteLength(at.path) > MAX_PATH_BYTES) {
      throw new Error(`the path of a socket has at most ${MAX_PATH_BYTES} bytes: ${at.path}`);
    }
    // The socket is made within the call: no other file is made with this mask.
    const umask = process.umask(PRIVATE_UMASK);
    server.listen(at);
    process.umask(umask);
  });
}
