/**
 * An HTTP server of generated resources, for any number of names. The first letter of the last name says what it is:
 *
 * - `f`: a file of a few KiB. A third have an ETag, a third a Last-Modified, a third neither.
 * - `t`: a file with an ETag of 60 KB.
 * - `d`: a directory: with a slash its index, of 20 files; without one a redirect to it.
 * - `r`: a redirect to a file.
 * - `e`: a body without an end, without validators.
 * - all else: 404.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const CONTENT = Buffer.alloc(1024 * 1024, 'generated');
const ENTRIES = 20;
const LONG_ETAG = 'x'.repeat(60_000);
const MODIFIED = 'Mon, 23 Nov 2026 21:40:00 GMT';

export interface GeneratedServer {
  readonly host: string;
  readonly close: () => void;
}

export async function startGeneratedServer(): Promise<GeneratedServer> {
  const server = createServer({ keepAliveTimeout: 60_000 }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '/';
  const isIndex = path.endsWith('/');
  const name = (isIndex ? path.slice(0, -1) : path).split('/').at(-1) ?? '';
  switch (name.slice(0, 1)) {
    case 'f':
      if (!isIndex) return sendFile(request, response, name, validatorsOf(name));
      break;
    case 't':
      if (!isIndex) return sendFile(request, response, name, { etag: `"${name}${LONG_ETAG}"` });
      break;
    case 'd':
      if (!isIndex) return redirect(response, `${path}/`);
      return sendIndex(response, name);
    case 'r':
      return redirect(response, path.replace(/\/[^/]*$/, `/f${name}?signature=${'s'.repeat(500)}`));
    case 'e':
      return sendEndless(response);
  }
  response.writeHead(404).end();
}

function validatorsOf(name: string): Record<string, string> {
  const number = Number(/\d+/.exec(name)?.[0] ?? 0);
  if (number % 3 === 0) return { etag: `"${name}"` };
  return number % 3 === 1 ? { 'last-modified': MODIFIED } : {};
}

function sendFile(
  { headers }: IncomingMessage,
  response: ServerResponse,
  name: string,
  validators: Record<string, string>,
): void {
  const size = 1 + (Number(/\d+/.exec(name)?.[0] ?? 0) % 5_000);
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (from === undefined) {
    response.writeHead(200, { ...validators, 'content-length': size });
    response.end(CONTENT.subarray(0, size));
    return;
  }
  const start = Number(from);
  const end = Math.min(size, to === undefined || to === '' ? size : Number(to) + 1);
  if (start >= size) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  const range = { 'content-range': `bytes ${start}-${end - 1}/${size}`, 'content-length': end - start };
  response.writeHead(206, { ...validators, ...range });
  response.end(CONTENT.subarray(start, end));
}

function sendIndex(response: ServerResponse, name: string): void {
  const title = `Index of /${name}/`;
  const rows = Array.from({ length: ENTRIES }, (_, i) => {
    const file = `f${i}-of-${name}.bin`;
    return `<a href="${file}">${file}</a>${' '.repeat(20)}23-Nov-2026 21:40${' '.repeat(17)}${1 + i}\r\n`;
  });
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end(
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<h1>${title}</h1><hr><pre><a href="../">../</a>\r\n${rows.join('')}</pre><hr></body>\r\n</html>\r\n`,
  );
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(302, { location }).end();
}

function sendEndless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream' });
  const more = (): void => {
    while (response.write(CONTENT));
  };
  response.on('drain', more);
  more();
}
