import process from 'node:process';

import { DEFAULT_HTTP_ENGINE_OPTIONS } from '../../src/source/http/http-options.js';
import { IoThreads } from '../../src/source/http/io-threads.js';

/** Loads tests of the HTTP client, with all of its connections in an I/O thread. */
export async function inThread(load: () => Promise<unknown>): Promise<void> {
  const threads = new IoThreads({ count: 1, minBytes: -1 });
  await threads.start();
  Object.assign(DEFAULT_HTTP_ENGINE_OPTIONS, { threads });
  process.once('exit', () => {
    // Or else it was tested elsewhere.
    if (!threads.threadFor(Infinity)?.served) process.exitCode = 1;
  });
  await load();
}
