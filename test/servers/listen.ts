import type { Server, ServerResponse } from 'node:http';

import type { ExecutionContext } from 'ava';

export interface Address {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly origin: string;
}

/** One request that a server answered. */
export interface AccessEntry {
  readonly method: string;
  /** As in the request line. */
  readonly uri: string;
  readonly status: number;
  readonly range: string;
}

/** A request that cannot be decoded ends in 400, and not the process. */
export function answerOr400(response: ServerResponse, answer: () => void): void {
  try {
    answer();
  } catch (error) {
    if (response.headersSent) response.destroy();
    else response.writeHead(400).end(String(error));
  }
}

/** Serves on a free port of loopback until the test ends, and notes each request in `log`, oldest first. */
export async function listenOnLoopback(
  t: Pick<ExecutionContext, 'teardown'>,
  server: Server,
  log: AccessEntry[],
): Promise<Address> {
  server.prependListener('request', (request, response) => {
    response.on('close', () => {
      const { method = '', url: uri = '' } = request;
      log.push({ method, uri, status: response.statusCode, range: request.headers.range ?? '' });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  return { host: `127.0.0.1:${port}`, port, origin: `http://127.0.0.1:${port}` };
}
