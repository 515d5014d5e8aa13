import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';

import type { ExecutionContext } from 'ava';

import { type Nginx, startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

export interface ServedOrigin extends Nginx {
  /**
   * Writes a file of other bytes than any before; returns its path. `/slow/NAME` serves it too, 8 MiB/s on each connection,
   * `/slower/NAME` 1 MiB/s, and `/slowest/NAME` 256 KiB/s.
   */
  readonly put: (name: string, bytes: number) => Promise<string>;
  /** Bytes of bodies that it sent for a name, since it started. */
  readonly sentOf: (name: string) => Promise<number>;
}

export async function startOrigin(t: ExecutionContext): Promise<ServedOrigin> {
  const root = await temporaryDirectory(t);
  const serverDirectives = `
    location /slow/ { alias ${root}/; limit_rate 8m; }
    location /slower/ { alias ${root}/; limit_rate 1m; }
    location /slowest/ { alias ${root}/; limit_rate 256k; }`;
  const nginx = await startNginx(t, { root, serverDirectives });
  let files = 0;
  return {
    ...nginx,
    put: async (name, bytes) => {
      const path = join(root, name);
      await writeUnique(path, bytes, (files += 1));
      return path;
    },
    sentOf: async (name) => {
      const entries = (await nginx.accessLog()).filter(({ uri }) => uri.endsWith(`/${name}`));
      return entries.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    },
  };
}

/** A mebibyte of noise, again and again, each with its number. */
async function writeUnique(path: string, bytes: number, seed: number): Promise<void> {
  const noise = Buffer.concat(
    Array.from({ length: 2 ** 15 }, (_, i) => createHash('sha256').update(`${seed} ${i}`).digest()),
  );
  const file = createWriteStream(path);
  for (let at = 0; at < bytes; at += noise.byteLength) {
    const part = Buffer.from(noise.subarray(0, bytes - at));
    part.writeUInt32LE(at / noise.byteLength, 0);
    if (!file.write(part)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
}
