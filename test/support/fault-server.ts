import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecutionContext } from 'ava';

export interface FaultServer {
  readonly origin: string;
  /** The requests so far. */
  readonly requests: IncomingMessage[];
  /** Refuses connections from now on. */
  readonly close: () => Promise<void>;
}

/** Answers as `answer` says, for faults that a real server cannot be made to produce. Counts requests. */
export async function startFaultServer(
  t: ExecutionContext,
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<FaultServer> {
  const requests: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, requests.length);
  });
  const port = await listen(server);
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
  t.teardown(close);
  return { origin: `http://127.0.0.1:${port}`, requests, close };
}

export interface RawServer {
  readonly origin: string;
  /** The heads of the requests so far. */
  readonly requests: string[];
  /** The connections so far, and those that are open now. */
  readonly accepted: () => number;
  readonly open: () => number;
  /** Whether all connections are closed within a second. */
  readonly isLeft: () => Promise<boolean>;
}

/** Answers with bytes: for each request's head, `answer` writes to the socket what it likes. */
export async function startRawServer(
  t: ExecutionContext,
  answer: (socket: Socket, head: string, count: number) => void,
): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createTcpServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    let received = '';
    socket.setNoDelay(true);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text;
      for (let end = received.indexOf('\r\n\r\n'); end !== -1; end = received.indexOf('\r\n\r\n')) {
        requests.push(received.slice(0, end));
        received = received.slice(end + 4);
        answer(socket, requests.at(-1) ?? '', requests.length);
      }
    });
  });
  const port = await listen(server);
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    accepted: () => accepted,
    open: () => sockets.size,
    isLeft: async () => {
      for (let attempt = 0; attempt < 100 && sockets.size > 0; attempt += 1) await sleep(10);
      return sockets.size === 0;
    },
  };
}

async function listen(server: TcpServer): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
