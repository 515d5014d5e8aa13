/** A program that downloads a URL in an I/O thread, and closes nothing. */
import { createHttpClient } from '../../src/source/http/http-client.js';
import { IoThreads } from '../../src/source/http/io-threads.js';
import { bodyReader, Request } from '../../src/source/index.js';

const [url = '', bytes = ''] = process.argv.slice(2);
const threads = new IoThreads({ count: 1, minBytes: -1 });
const keepAlive = setInterval(() => undefined, 1_000);
await threads.start();
clearInterval(keepAlive);
const response = await createHttpClient({ threads }).download(new Request(url));
const memory = new Uint8Array(new SharedArrayBuffer(Number(bytes)));
console.log(await bodyReader(response).read({ pieces: [memory] }), threads.size);
