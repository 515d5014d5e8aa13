import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { Origin } from './origin.js';
import { endProgram } from './programs.js';
import type { Scratch } from './scratch.js';

const SERVER = fileURLToPath(new URL('slow-server.js', import.meta.url));
const START_LIMIT_MS = 10_000;

/** Starts slow-server.ts, which serves `/large.bin` and `/warm-up.bin` of `fileBytes`. */
export async function startSlowOrigin(scratch: Scratch, fileBytes: number): Promise<Origin> {
  const server = scratch.programs.start(process.execPath, [SERVER, String(fileBytes)]);
  scratch.teardown.add('slow origin', () => endProgram(server, 'SIGTERM', 2_000));
  if (server.stdout === null) throw new Error('the slow origin does not talk');
  const signal = AbortSignal.timeout(START_LIMIT_MS);
  const [line] = (await once(server.stdout, 'data', { signal })) as [Buffer];
  return { host: `127.0.0.1:${line.toString().trim()}` };
}
