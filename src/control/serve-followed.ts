import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

import type { FollowedLog } from './operated-mount.js';

/** At a time. */
const FOLLOWED_BYTES = 64 * 1024;

/** A peer that reads slowly loses lines, as the log says itself. */
export async function serveFollowed(log: FollowedLog, response: ServerResponse): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => {
    closed.abort();
    log.close();
  });
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.flushHeaders();
  while (!closed.signal.aborted) {
    const bytes = await log.read(FOLLOWED_BYTES);
    if (bytes.byteLength === 0) break;
    if (!response.write(bytes))
      await once(response, 'drain', { signal: closed.signal }).catch(() => undefined);
  }
  response.end();
}
