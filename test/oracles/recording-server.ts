import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordedRequest {
  readonly method: string;
  /** As it came. */
  readonly target: string;
  readonly header: Readonly<Record<string, string>>;
}

/** Answers everything with 404, and keeps what came: what an SDK really sends. */
export async function startRecordingServer(): Promise<{
  readonly port: number;
  readonly recorded: RecordedRequest[];
  close(): Promise<void>;
}> {
  const recorded: RecordedRequest[] = [];
  const server = createServer((request, response) => {
    recorded.push({
      method: request.method ?? '',
      target: request.url ?? '',
      header: singleValues(request.headers),
    });
    response.writeHead(404, { 'content-length': 0, connection: 'close' }).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    recorded,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

function singleValues(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
