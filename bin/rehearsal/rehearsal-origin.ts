import { createServer, type Server, type Socket } from 'node:net';

export const SMALL_FILES = 256;
/** So many that whoever reads the index lets others have the event loop in between. */
const LONG_INDEX_FILES = 2_100;
export const LONG_INDEX_PREFIX = 'long';
/** In bytes. More than fits into 32 bits, which V8 makes other code for; a usual disk cache keeps one whole, the other in parts. */
export const LARGE_FILES: ReadonlyMap<string, number> = new Map([
  ['large', 3 * 1024 ** 3],
  ['larger', 8 * 1024 ** 3],
]);
const SMALL_BYTES = 4096;
/** Others on this machine can connect too: more than this is not asked for by us. */
const MAX_TEXT_CHARS = 16 * 1024;
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;
const MAX_CONNECTIONS = 64;

const CONTENT = Buffer.alloc(256 * 1024);
const REQUEST = /^GET (\S+) HTTP\/1\.1\r\n/;
const RANGE = /^range: bytes=(\d+)-(\d*)/im;
const GENERAL = 'Server: rehearsal\r\nDate: Mon, 23 Nov 2026 21:41:00 GMT\r\n';
const VALIDATORS = 'Last-Modified: Mon, 23 Nov 2026 21:40:00 GMT\r\nETag: "6923-1000"\r\n';
/** A web server sends a page in such pieces. */
const PIECE_CHARACTERS = 32 * 1024;

/**
 * An HTTP server on the loopback interface, with a directory of files for any name: what it sends is made up, and
 * nothing of it is anybody's. Of its connections nothing differs from those of other origins.
 */
export class RehearsalOrigin {
  /** Address and port. */
  readonly host: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(host: string, server: Server, sockets: Set<Socket>) {
    this.host = host;
    this.#server = server;
    this.#sockets = sockets;
  }

  static create(): Promise<RehearsalOrigin> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => serve(socket, sockets));
    server.maxConnections = MAX_CONNECTIONS;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        const port = typeof address === 'object' ? address?.port : undefined;
        resolve(new RehearsalOrigin(`127.0.0.1:${port}`, server, sockets));
      });
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function serve(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  let text = '';
  socket
    .setNoDelay(true)
    .on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.length > MAX_TEXT_CHARS) {
        socket.destroy();
        return;
      }
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        answer(socket, text.slice(0, end));
        text = text.slice(end + 4);
      }
    })
    .on('error', () => socket.destroy())
    .on('close', () => sockets.delete(socket));
}

/** `/dir/` is an index, `/dir` leads to it, `/dir/file` is small, or large if it is called so. */
function answer(socket: Socket, head: string): void {
  const path = REQUEST.exec(head)?.[1] ?? '/';
  socket.cork();
  if (path.endsWith('/')) sendIndex(socket, path);
  else if (path.lastIndexOf('/') === 0) redirect(socket, path);
  else sendFile(socket, head, LARGE_FILES.get(path.slice(path.lastIndexOf('/') + 1)) ?? SMALL_BYTES);
  socket.uncork();
}

function redirect(socket: Socket, path: string): void {
  socket.write(
    `HTTP/1.1 301 Moved Permanently\r\n${GENERAL}Content-Type: text/html\r\nContent-Length: 0\r\n` +
      `Location: http://${socket.localAddress}:${socket.localPort}${path}/\r\nConnection: keep-alive\r\n\r\n`,
  );
}

function sendFile(socket: Socket, head: string, totalBytes: number): void {
  const [, first = '0', last = ''] = RANGE.exec(head) ?? [];
  const start = Number(first);
  const end = Math.min(totalBytes, last === '' ? totalBytes : Number(last) + 1);
  if (end - start + socket.writableLength > MAX_QUEUED_BYTES) {
    socket.destroy();
    return;
  }
  socket.write(
    `HTTP/1.1 206 Partial Content\r\n${GENERAL}Content-Type: application/octet-stream\r\n` +
      `Content-Length: ${end - start}\r\n${VALIDATORS}Connection: keep-alive\r\n` +
      `Content-Range: bytes ${start}-${end - 1}/${totalBytes}\r\n\r\n`,
  );
  for (let at = start; at < end; at += CONTENT.length) {
    socket.write(CONTENT.subarray(0, Math.min(CONTENT.length, end - at)));
  }
}

/** As nginx writes it: directories first. */
function sendIndex(socket: Socket, path: string): void {
  const fileCount = path.startsWith(`/${LONG_INDEX_PREFIX}`) ? LONG_INDEX_FILES : SMALL_FILES;
  const rows = [row('below/', '-')];
  for (const [name, bytes] of LARGE_FILES) rows.push(row(name, bytes));
  for (let file = 0; file < fileCount; file += 1) rows.push(row(`file${file}`, SMALL_BYTES));
  const page =
    `<html>\r\n<head><title>Index of ${path}</title></head>\r\n<body>\r\n<h1>Index of ${path}</h1><hr>` +
    `<pre><a href="../">../</a>\r\n${rows.join('')}</pre><hr></body>\r\n</html>\r\n`;
  socket.write(
    `HTTP/1.1 200 OK\r\n${GENERAL}Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n` +
      'Connection: keep-alive\r\n\r\n',
  );
  for (let at = 0; at < page.length; at += PIECE_CHARACTERS) {
    const piece = page.slice(at, at + PIECE_CHARACTERS);
    socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  }
  socket.write('0\r\n\r\n');
}

function row(name: string, size: number | '-'): string {
  return `<a href="${name}">${name}</a>          23-Nov-2026 21:40          ${size}\r\n`;
}
