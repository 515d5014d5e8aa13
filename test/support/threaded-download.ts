/** A program that downloads a URL in an I/O thread, and closes nothing, or its client. */
import { setTimeout as sleep } from 'node:timers/promises';

import { createHttpClient } from '../../src/source/http/http-client.js';
import { IoThreads } from '../../src/source/http/io-threads.js';
import { bodyReader, Request } from '../../src/source/index.js';

const [url = '', bytes = '', end = ''] = process.argv.slice(2);
const threads = new IoThreads({ count: 1, minBytes: -1 });
const keepAlive = setInterval(() => undefined, 1_000);
await threads.start();
clearInterval(keepAlive);
const client = createHttpClient({ threads });
const response = await client.download(new Request(url));
const memory = new Uint8Array(new SharedArrayBuffer(Number(bytes)));
console.log(await bodyReader(response).read({ pieces: [memory] }), threads.size);
if (end === 'close') {
  // Until nothing else keeps the process from ending.
  await sleep(100);
  await client.close();
  console.log('closed');
}
