/** Data connections: EPSV (RFC 2428), else PASV, always to the host of the control connection. */
import { DataConnection } from './data-connection.js';
import type { FtpServer } from './ftp-server.js';
import { RefusedReply } from './ftp-reply.js';
import type { LoggedIn } from './login.js';

export interface OpenData {
  readonly data: DataConnection;
  /** To be called when the server has begun: over TLS the connection is secured now. */
  begin(): void;
}

export async function openData(
  server: FtpServer,
  { control, secure }: LoggedIn,
  endsAtMs: number,
): Promise<OpenData> {
  const port = await passivePort(server, control, endsAtMs);
  const address = control.remoteAddress;
  if (address === undefined) throw new Error('the control connection is closed');
  const data = new DataConnection();
  const target = { url: server.url, port, address, ...(secure === undefined && { onread: data.onread }) };
  const signal = AbortSignal.timeout(Math.max(1, Math.round(endsAtMs - performance.now())));
  const socket = await server.engine.connectTcp(target, signal);
  if (secure === undefined) {
    data.open(socket);
    return { data, begin: () => undefined };
  }
  data.hold(socket);
  return { data, begin: () => data.openTls(secure.begin(socket)) };
}

async function passivePort(
  { traits }: FtpServer,
  control: LoggedIn['control'],
  endsAtMs: number,
): Promise<number> {
  if (traits.knows('EPSV')) {
    try {
      const { text } = await control.command('EPSV', endsAtMs);
      return checkPort(/\((.)\1\1(\d{1,5})\1\)/.exec(text)?.[2], 'EPSV');
    } catch (error) {
      if (!(error instanceof RefusedReply) || error.code < 500) throw error;
      traits.noteUnknown('EPSV');
    }
  }
  const { text } = await control.command('PASV', endsAtMs);
  // The address may be that of another host, or one behind a translation: as with curl it is not used.
  const numbers = /(?<!\d)(?:\d{1,3},){4}(\d{1,3}),(\d{1,3})(?!\d)/.exec(text);
  const [, high, low] = numbers ?? [];
  return checkPort(high === undefined ? undefined : Number(high) * 256 + Number(low), 'PASV');
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
