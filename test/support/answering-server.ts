import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import type { ExecutionContext } from 'ava';

export interface Asked {
  readonly method: string;
  readonly target: string;
  readonly header: IncomingMessage['headers'];
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly header?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body: string | object;
}

/** A server on loopback whose replies the test gives: for services that exist at their vendor only. */
export async function startAnsweringServer(
  t: ExecutionContext,
  reply: (asked: Asked) => Reply,
  create: (listener: RequestListener) => Server = createServer,
): Promise<{ readonly origin: string; readonly port: number; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = create((request, response) => {
    void text(request).then((body) => {
      const one = { method: request.method ?? '', target: request.url ?? '', header: request.headers, body };
      asked.push(one);
      const { status = 200, header = {}, body: given } = reply(one);
      const isText = typeof given === 'string';
      response.writeHead(status, {
        'content-type': isText ? 'text/xml' : 'application/json',
        connection: 'close',
        ...header,
      });
      response.end(isText ? given : JSON.stringify(given));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, port, asked };
}
