/**
 * A distant origin: each request is answered after DELAY_MS, and a connection carries no more than
 * BYTES_PER_SECOND. Serves two stamped files, `/large.bin` and `/warm-up.bin` of BYTES, and an index that lists them.
 * Run: node slow-server.js BYTES; prints its port.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { BLOCK_BYTES, stampedBlocks } from './stamped-file.js';

const DELAY_MS = 50;
const BYTES_PER_SECOND = 20e6;
const CHUNK_BLOCKS = 16;
const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;
const fileBytes = Number(process.argv[2]);

/** When the connection may carry the next byte, in ms of `performance.now()`. */
const freeAtMs = new WeakMap<Socket, number>();

const INDEX = `<html><head><title>Index of /</title></head><body><h1>Index of /</h1><hr><pre><a href="../">../</a>
<a href="large.bin">large.bin</a>                    01-Jan-2024 00:00            ${fileBytes}
<a href="warm-up.bin">warm-up.bin</a>                01-Jan-2024 00:00            ${fileBytes}
</pre><hr></body></html>`;

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await sleep(DELAY_MS);
  if (request.url === '/') {
    response.writeHead(200, { 'content-type': 'text/html', 'content-length': INDEX.length }).end(INDEX);
    return;
  }
  if (request.url !== '/large.bin' && request.url !== '/warm-up.bin') {
    response.writeHead(404, { 'content-length': 0 }).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const begin = Number(range?.[1] ?? 0);
  const end = Math.min(fileBytes, range?.[2] ? Number(range[2]) + 1 : fileBytes);
  const headers = {
    'accept-ranges': 'bytes',
    'content-length': end - begin,
    'content-type': 'application/octet-stream',
    etag: '"1"',
    'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT',
  };
  if (range === null) response.writeHead(200, headers);
  else response.writeHead(206, { ...headers, 'content-range': `bytes ${begin}-${end - 1}/${fileBytes}` });
  if (request.method === 'HEAD') response.end();
  else await sendPaced(response, request.socket, begin, end);
}

async function sendPaced(
  response: ServerResponse,
  socket: Socket,
  begin: number,
  end: number,
): Promise<void> {
  const closed = once(response, 'close');
  for (let offset = begin; offset < end && !socket.destroyed;) {
    // Blocks are aligned in the file, ranges need not be.
    const skipped = offset % CHUNK_BYTES;
    const blocks = stampedBlocks(0, (offset - skipped) / BLOCK_BYTES, CHUNK_BLOCKS);
    const piece = blocks.subarray(skipped, Math.min(CHUNK_BYTES, skipped + end - offset));
    const now = performance.now();
    const startMs = Math.max(now, freeAtMs.get(socket) ?? 0);
    freeAtMs.set(socket, startMs + (piece.length / BYTES_PER_SECOND) * 1000);
    // A late timer is made up for by the next ones, by up to its own lateness.
    if (startMs - now >= 1) await sleep(startMs - now);
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), closed]);
    offset += piece.length;
  }
  response.end();
}
