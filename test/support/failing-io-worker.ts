/** An I/O thread that throws, or hangs, when it gets its third request for bytes. */
import { parentPort, threadId, workerData } from 'node:worker_threads';

await import('../../src/source/http/io-worker.js');

let reads = 0;
const fault = new URL(import.meta.url).searchParams.get('fault');
parentPort?.on('message', ({ kind }: { kind: string }) => {
  if (kind !== 'read') return;
  reads += 1;
  if (reads < 3) return;
  if (fault === 'hang') for (;;);
  throw new Error(`the thread ${threadId} fails ${String(workerData)}`);
});
