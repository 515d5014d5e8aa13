/** Data connections: EPSV (RFC 2428), else PASV, always to the host of the control connection. */
import { connect } from 'node:net';

import type { TcpReceiver } from '../../http/http-engine.js';
import { DataConnection } from './data-connection.js';
import type { FtpServer } from './ftp-server.js';
import { RefusedReply } from './ftp-reply.js';
import type { LoggedIn } from './login.js';

/** On its way to the server. */
export interface OpenedData {
  /** To be called when the server has begun: over TLS the connection is secured now. */
  readonly begin: () => DataConnection;
  readonly close: () => void;
}

/** The server is asked to listen at this port. */
export async function passivePort(
  { traits }: FtpServer,
  { control }: LoggedIn,
  endsAtMs: number,
): Promise<number> {
  if (traits.knows('EPSV')) {
    try {
      const { text } = await control.command('EPSV', endsAtMs, 229);
      return checkPort(/\((.)\1\1(\d{1,5})\1\)/.exec(text)?.[2], 'EPSV');
    } catch (error) {
      if (!(error instanceof RefusedReply) || error.code < 500) throw error;
      traits.noteUnknown('EPSV');
    }
  }
  const { text } = await control.command('PASV', endsAtMs, 227);
  // The address may be that of another host, or one behind a translation: as with curl it is not used.
  const numbers = /(?<!\d)(?:\d{1,3},){4}(\d{1,3}),(\d{1,3})(?!\d)/.exec(text);
  const [, high, low] = numbers ?? [];
  return checkPort(high === undefined ? undefined : Number(high) * 256 + Number(low), 'PASV');
}

/** `receive`: in an I/O thread, if that can be. `onFailure`: it cannot be connected, or broke. */
export function openData(
  { control, secure }: LoggedIn,
  port: number,
  receive: TcpReceiver | undefined,
  onFailure: (error: Error) => void,
): OpenedData {
  const address = control.remoteAddress;
  if (address === undefined) throw new Error('the control connection is closed');
  if (secure !== undefined) {
    const socket = connect({ host: address, port, noDelay: true }).on('error', onFailure);
    return {
      begin: () => DataConnection.ofTls(secure.begin(socket), onFailure),
      close: () => socket.destroy(),
    };
  }
  const data =
    receive === undefined
      ? DataConnection.connect(address, port, onFailure)
      : DataConnection.ofThread(receive(address, port), onFailure);
  return { begin: () => data, close: () => data.close() };
}

function checkPort(given: string | number | undefined, command: string): number {
  const port = Number(given);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new MalformedReply(`a port in the reply to ${command}`);
}

/** A reply without what it has to say. */
export class MalformedReply extends Error {
  override readonly name = 'MalformedReply';
  readonly expected: string;

  constructor(expected: string) {
    super(`no ${expected}`);
    this.expected = expected;
  }
}
