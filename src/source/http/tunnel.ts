import { on } from 'node:events';
import type { Socket } from 'node:net';

import { SourceError, type SourceErrorCode } from '../errors.js';
import { CONNECTION_CLOSED } from './http-failure.js';
import { parseResponseHead } from './response-head.js';

const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Opens a tunnel to `authority` (`host:port`) through the proxy that `socket` leads to (RFC 9110, 9.3.6). The socket is
 * left paused, at the first byte of what is tunnelled. `isServerFirst`: the host may have sent some of it already.
 */
export async function openTunnel(
  socket: Socket,
  authority: string,
  authorization: string | undefined,
  signal: AbortSignal,
  isServerFirst = false,
): Promise<void> {
  const credentials = authorization === undefined ? '' : `proxy-authorization: ${authorization}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${credentials}\r\n`, 'latin1');
  const [head, rest] = await readHead(socket, signal);
  const { status } = parseResponseHead(head.split('\r\n'));
  if (status >= 200 && status < 300 && (rest === '' || isServerFirst)) {
    if (rest !== '') socket.unshift(Buffer.from(rest, 'latin1'));
    return;
  }
  throw new SourceError(codeOf(status), 'the proxy does not connect', `https://${authority}`, {
    expected: 'status 200 of the proxy, and nothing else',
    found: `status ${status}`,
    ...(status === 407 || status === 403 ? { status } : {}),
  });
}

/** A head, and what came with it. */
async function readHead(socket: Socket, signal: AbortSignal): Promise<[string, string]> {
  let text = '';
  // It may come byte by byte.
  for await (const _ of readings(socket, signal)) {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null)
      text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end !== -1) return [text.slice(0, end), text.slice(end + 4)];
    if (text.length > MAX_HEAD_BYTES) throw new Error('an endless head of the proxy');
  }
  throw new Error(CONNECTION_CLOSED);
}

/** At once, and whenever there is something to read, until the socket ends. */
async function* readings(socket: Socket, signal: AbortSignal): AsyncGenerator {
  const events = on(socket, 'readable', { signal, close: ['end', 'close'] });
  yield undefined;
  if (!socket.readableEnded && !socket.destroyed) yield* events;
}

function codeOf(status: number): SourceErrorCode {
  if (status === 407 || status === 403) return 'ACCESS_DENIED';
  return status === 429 || status === 503 ? 'BUSY' : 'HOST_UNREACHABLE';
}
