/** The same as bare.py in our mount's own language, with undici: bare.js HOST:PORT WORKLOAD */
import { readFileSync } from 'node:fs';

import { Client } from 'undici';

import { BLOCK_BYTES, stampedBlock } from '../stamped-file.js';
import type { Workload } from '../workload.js';

const [host = '', workload = ''] = process.argv.slice(2);
const reads = JSON.parse(readFileSync(workload, 'utf8')) as Workload;
const client = new Client(`http://${host}`);
const microseconds: number[] = [];
const begin = performance.now();
for (const [path, file, index] of reads) {
  const before = performance.now();
  const offset = index * BLOCK_BYTES;
  const range = `bytes=${offset}-${offset + BLOCK_BYTES - 1}`;
  const { body } = await client.request({ path: `/${path}`, method: 'GET', headers: { range } });
  const block = Buffer.from(await body.arrayBuffer());
  microseconds.push((performance.now() - before) * 1000);
  if (!block.equals(stampedBlock(file, index))) throw new Error(`wrong bytes: ${path} at ${offset}`);
}
console.log(JSON.stringify({ seconds: (performance.now() - begin) / 1000, microseconds }));
await client.close();
