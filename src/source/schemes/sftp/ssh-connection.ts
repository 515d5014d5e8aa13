/** One connection of SSH: the key of the host is checked, and the user logged in. */
import type { Duplex } from 'node:stream';

import ssh2, { type Client, type ClientChannel } from 'ssh2';

import { ProtocolError, SourceError } from '../../errors.js';
import { saidBySource } from '../../safe-text.js';
import { checkHostKey, hostKeyAlgorithms, HostKeyError, type HostPlace } from './host-key.js';
import type { KnownHost } from './known-hosts.js';
import type { Login } from './login.js';
import { MalformedPacket } from './packet.js';
import type { ReceiveRing } from './receive-ring.js';
import { failureOf, SessionLost } from './sftp-failure.js';

/** With it there is room for what `ReadQueue` lets be in flight. */
const EXTRA_WINDOW_BYTES = 16 * 1024 * 1024;

export interface SshOptions {
  readonly stream: Duplex;
  /** That the stream is received into, if it is a socket. */
  readonly ring?: ReceiveRing;
  readonly place: HostPlace;
  readonly known: KnownHost;
  readonly login: Login;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
}

export class SshConnection {
  readonly #client: Client;
  readonly #stream: Duplex;
  readonly #ring: ReceiveRing | undefined;

  constructor(client: Client, { stream, ring }: Pick<SshOptions, 'stream' | 'ring'>) {
    this.#client = client;
    this.#stream = stream;
    this.#ring = ring;
  }

  /** What it receives from now on is used up in the step in which it comes. */
  reuseMemory(): void {
    this.#ring?.reuse();
  }

  async openSftp(): Promise<Duplex> {
    return await this.#channel((use) => this.#client.subsys('sftp', use));
  }

  /** To another host, from this one. */
  async forward(host: string, port: number): Promise<Duplex> {
    return await this.#channel((use) => this.#client.forwardOut('127.0.0.1', 0, host, port, use));
  }

  destroy(): void {
    this.#client.on('error', () => undefined).destroy();
    this.#stream.destroy();
  }

  async #channel(
    open: (use: (error: Error | undefined, channel: ClientChannel) => void) => void,
  ): Promise<Duplex> {
    return await new Promise((resolve, reject) => {
      open((error, channel) => {
        if (error === undefined) resolve(widened(channel, this.#client));
        else if (/start subsystem/.test(error.message)) reject(new MalformedPacket('no subsystem of SFTP'));
        else reject(new SessionLost(saidBySource(error.message), { cause: error }));
      });
    });
  }
}

/** What ssh2 does not show, and may have otherwise in its next version. */
interface Widening {
  readonly _protocol?: { readonly channelWindowAdjust?: (channel: number, bytes: number) => void };
}

/**
 * ssh2 lets the server send 2 MiB ahead, and says so again after each MiB: 20 MB/s where the way there and back takes 50 ms. It counts
 * what has come alone, so that what the server was granted beyond that stays granted.
 */
function widened(channel: ClientChannel, client: Client): Duplex {
  const { outgoing } = channel as unknown as { readonly outgoing?: { readonly id: number } };
  if (outgoing !== undefined)
    (client as unknown as Widening)._protocol?.channelWindowAdjust?.(outgoing.id, EXTRA_WINDOW_BYTES);
  return channel;
}

export async function connectSsh(options: SshOptions): Promise<SshConnection> {
  const { stream, place, known, login, signal } = options;
  const { url } = place;
  const client = new ssh2.Client();
  const state: { hasHandshake: boolean; isRefused: boolean; hostKey?: HostKeyError | undefined } = {
    hasHandshake: false,
    isRefused: false,
  };
  try {
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      client
        .on('handshake', () => {
          state.hasHandshake = true;
        })
        .on('ready', () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        })
        .on('error', (error) => {
          // An agent, or a key of it, that fails: the next way is tried.
          if (error.level !== 'agent') reject(error);
        })
        .on('close', () => reject(new SessionLost('the host closed the connection')));
      client.connect({
        sock: stream,
        username: login.user,
        readyTimeout: 0,
        algorithms: { serverHostKey: hostKeyAlgorithms(known) },
        authHandler: login.handler(() => {
          state.isRefused = true;
          reject(new Error('the login was refused'));
        }),
        hostVerifier: (key: Buffer) => {
          state.hostKey = checkHostKey(key, known, place);
          return state.hostKey === undefined;
        },
      });
      if (signal.aborted) onAbort();
    });
    // What becomes of it later, its channels and `close` say. Of what it cannot decrypt, the library waits for the host to close.
    client.on('error', () => stream.destroy());
    return new SshConnection(client, options);
  } catch (error) {
    client.on('error', () => undefined).destroy();
    stream.destroy();
    if (state.hostKey !== undefined) throw state.hostKey;
    if (signal.aborted) throw signal.reason;
    if (state.isRefused || (state.hasHandshake && isDisconnect(error))) throw loginRefused(login, error, url);
    throw handshakeFailure(error, place);
  }
}

/** The server said that it disconnects, and why. */
function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}

function loginRefused(login: Login, error: unknown, url: URL): SourceError {
  const tried = login.tried.length === 0 ? 'none that the server allows' : login.tried.join(', ');
  const said = error instanceof Error && isDisconnect(error) ? `; ${saidBySource(error.message)}` : '';
  return new SourceError('ACCESS_DENIED', `the login of ${login.user} was refused`, url, {
    expected: 'a key, agent or password that the server accepts',
    found: `tried: ${tried}${said}`,
  });
}

function handshakeFailure(error: unknown, place: HostPlace): SourceError {
  const { level, message } = error as { readonly level?: unknown; readonly message?: unknown };
  if (level !== 'handshake') return failureOf(error, place.url);
  if (/host key/i.test(String(message))) {
    return new HostKeyError(
      place,
      'it has no key of the types that are known',
      `a key in ${place.knownHostsFile} of a type that the host has`,
      undefined,
    );
  }
  return new ProtocolError('the handshake of SSH failed', place.url, {
    expected: 'algorithms in common, and right signatures',
    found: saidBySource(String(message)),
  });
}
