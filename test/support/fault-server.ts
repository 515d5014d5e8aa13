import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import type { ExecutionContext } from 'ava';

export interface FaultServer {
  readonly origin: string;
  /** The requests so far. */
  readonly requests: IncomingMessage[];
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
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { origin: `http://127.0.0.1:${address.port}`, requests };
}
