import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import type { DfdaemonFault } from './fault.js';

const SLOW_STEP_MS = 50;

/** Sends the content, or what a fault leaves of it. */
export async function sendContent(
  response: ServerResponse,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
  { cutAfterBytes, stallAfterBytes, bytesPerSecond }: DfdaemonFault,
  onSent: (bytes: number) => void,
): Promise<void> {
  const limit = cutAfterBytes ?? stallAfterBytes ?? Number.POSITIVE_INFINITY;
  const step = bytesPerSecond === undefined ? undefined : (bytesPerSecond * SLOW_STEP_MS) / 1000;
  let sent = 0;
  response.flushHeaders();
  for await (const piece of content) {
    for (const part of parts(piece.subarray(0, limit - sent), step)) {
      if (step !== undefined) await sleep(SLOW_STEP_MS);
      await write(response, part);
      if (response.destroyed) return;
      sent += part.byteLength;
      onSent(part.byteLength);
    }
    if (sent < limit) continue;
    // What was written goes out first.
    if (cutAfterBytes !== undefined) response.write('', () => response.destroy());
    return;
  }
  response.end();
}

function* parts(piece: Buffer, bytes = piece.byteLength): Generator<Buffer> {
  for (let at = 0; at < piece.byteLength; at += bytes) yield piece.subarray(at, at + bytes);
}

async function write(response: ServerResponse, part: Buffer): Promise<void> {
  if (response.write(part) || response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
