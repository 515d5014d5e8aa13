/** An I/O thread that hangs when it gets its third request for bytes. */
import { parentPort } from 'node:worker_threads';

await import('../../src/source/http/io-worker.js');

let reads = 0;
parentPort?.on('message', ({ kind }: { kind: string }) => {
  if (kind === 'read') reads += 1;
  if (reads === 3) for (;;);
});
