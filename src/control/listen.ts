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

interface Module {
  readonly ControlServer: typeof ControlServer;
}

/** When a start is over. */
const LOAD_AFTER_MS = 1_000;

/**
 * Serves a mount at an address. What speaks HTTP is loaded after `loadAfterMs`, or for the first connection: a start does not wait
 * for it, and an upgrade of the program, whose files are others, finds it loaded. Rejects with the system's error if the address
 * cannot be used.
 */
export async function listen(
  at: ListenAt,
  mount: OperatedMount,
  scope: ControlScope,
  load: () => Promise<Module> = () => import('./control-server.js'),
  loadAfterMs = LOAD_AFTER_MS,
): Promise<Listening> {
  let serving: Promise<ControlServer> | undefined;
  const served = (): Promise<ControlServer> =>
    (serving ??= load().then((module) => new module.ControlServer(mount, scope)));
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    served().then(
      (control) => control.accept(socket),
      () => socket.destroy(),
    );
  });
  await listening(server, at);
  server.unref();
  const timer = setTimeout(() => void served().catch(() => undefined), loadAfterMs).unref();
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : undefined,
    close: async () => {
      clearTimeout(timer);
      // The program may have been replaced before: then there is nothing to load.
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
