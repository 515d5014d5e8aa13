import { Socket } from 'node:net';

import { loadSyscalls, type Syscalls } from '../../src/mount/dev-fuse/syscalls.js';
import type { Connect } from '../../src/source/http/connect.js';

/** Nobody is asked for its address. */
export const HOST = 'rehearsal.invalid';
export const SMALL_FILES = 256;
/** More than fits into 32 bits, which V8 makes other code for. */
export const LARGE_BYTES = 8 * 1024 ** 3;
const SMALL_BYTES = 4096;

const CONTENT = Buffer.alloc(256 * 1024);
const REQUEST = /^GET (\S+) HTTP\/1\.1\r\n/;
const RANGE = /^range: bytes=(\d+)-(\d*)/im;
const VALIDATORS = 'Last-Modified: Mon, 23 Nov 2026 21:40:00 GMT\r\nETag: "6923-1000"\r\n';

/** An HTTP server at the other end of a socket pair: nothing listens, and nothing leaves the process. */
export class RehearsalOrigin {
  readonly connect: Connect;
  readonly #servers = new Set<Socket>();

  private constructor(syscalls: Syscalls) {
    this.connect = (_url, onread) => {
      const [ours, theirs] = syscalls.socketPair();
      this.#serve(new Socket({ fd: theirs }));
      // Beyond the declared options: `onread`, as `connect` takes it.
      const options = { fd: ours, onread };
      const socket = new Socket(options);
      setImmediate(() => {
        socket.emit('connect');
        socket.resume();
      });
      return socket;
    };
  }

  static async create(): Promise<RehearsalOrigin> {
    return new RehearsalOrigin(await loadSyscalls());
  }

  close(): void {
    for (const server of this.#servers) server.destroy();
  }

  #serve(socket: Socket): void {
    this.#servers.add(socket);
    let text = '';
    socket
      .on('data', (chunk) => {
        text += chunk.toString('latin1');
        for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
          answer(socket, text.slice(0, end));
          text = text.slice(end + 4);
        }
      })
      .on('error', () => socket.destroy())
      .on('close', () => this.#servers.delete(socket));
  }
}

function answer(socket: Socket, head: string): void {
  const path = REQUEST.exec(head)?.[1] ?? '/';
  if (path.endsWith('/')) {
    const page = indexPage(path);
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n${page}`,
    );
    return;
  }
  const totalBytes = path === '/large' ? LARGE_BYTES : SMALL_BYTES;
  const [, first = '0', last = ''] = RANGE.exec(head) ?? [];
  const start = Number(first);
  const end = Math.min(totalBytes, last === '' ? totalBytes : Number(last) + 1);
  socket.cork();
  socket.write(
    'HTTP/1.1 206 Partial Content\r\nServer: rehearsal\r\nDate: Mon, 23 Nov 2026 21:41:00 GMT\r\n' +
      `Content-Type: application/octet-stream\r\n${VALIDATORS}Connection: keep-alive\r\n` +
      `Content-Length: ${end - start}\r\nContent-Range: bytes ${start}-${end - 1}/${totalBytes}\r\n\r\n`,
  );
  for (let at = start; at < end; at += CONTENT.length) {
    socket.write(CONTENT.subarray(0, Math.min(CONTENT.length, end - at)));
  }
  socket.uncork();
}

/** As nginx writes it. */
function indexPage(path: string): string {
  const rows = Array.from(
    { length: SMALL_FILES },
    (_, file) =>
      `<a href="file${file}">file${file}</a>          23-Nov-2026 21:40          ${SMALL_BYTES}\r\n`,
  );
  return (
    `<html>\r\n<head><title>Index of ${path}</title></head>\r\n<body>\r\n<h1>Index of ${path}</h1><hr>` +
    `<pre><a href="../">../</a>\r\n${rows.join('')}</pre><hr></body>\r\n</html>\r\n`
  );
}
