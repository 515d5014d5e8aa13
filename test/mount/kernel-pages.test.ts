import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { MemoryResources } from '../support/memory-resources.js';
import { mountedMemory } from '../support/mounted-memory.js';
import { run, shell } from '../support/mounted.js';
import { pattern } from '../support/tree.js';

const HEAD_BYTES = 64 * 1024;

/** `files`: names, and how many bytes each has. */
async function mounted(
  t: ExecutionContext,
  files: Readonly<Record<string, number>>,
): Promise<{ resources: MemoryResources; directory: string }> {
  const resources = new MemoryResources();
  resources.headBytes = HEAD_BYTES;
  for (const [name, bytes] of Object.entries(files)) {
    resources.files.set(`mem://host/${name}`, { bytes: pattern(bytes), etag: '"1"' });
  }
  return { resources, directory: join(await mountedMemory(t, resources), 'mem', 'host') };
}

async function sumOf(file: string): Promise<string> {
  return (await shell('cksum < "$1"', file)).stdout;
}

function sumOfBytes(bytes: Uint8Array): string {
  return execFileSync('cksum', { input: bytes, encoding: 'utf8' });
}

test('what is there when a file is opened first needs no READ', async (t) => {
  const sizes = [1, 4095, 4096, 4097, HEAD_BYTES - 1, HEAD_BYTES];
  const { resources, directory } = await mounted(
    t,
    Object.fromEntries(sizes.map((size) => [`f${size}`, size])),
  );
  for (const size of sizes) {
    t.is(await sumOf(`${directory}/f${size}`), sumOfBytes(pattern(size)), `${size} bytes`);
  }
  t.is(resources.reads, 0);
  t.is((await run('stat', ['-c', '%s', `${directory}/f4097`])).stdout, '4097\n');
});

test('of a longer file it is the whole pages, and the rest is read', async (t) => {
  const { resources, directory } = await mounted(t, { long: 3 * HEAD_BYTES + 5, other: 3 * HEAD_BYTES });
  t.is(await sumOf(`${directory}/long`), sumOfBytes(pattern(3 * HEAD_BYTES + 5)));
  t.true(resources.reads > 0);
  resources.reads = 0;
  resources.headBytes = 4096 + 100;
  t.is(await sumOf(`${directory}/other`), sumOfBytes(pattern(3 * HEAD_BYTES)));
  t.true(resources.reads > 0);
});

test('another version, an open of many at once, and nothing at all are what they are', async (t) => {
  const { resources, directory } = await mounted(t, { file: 5000, shared: 9000, empty: 0 });
  t.is(await sumOf(`${directory}/file`), sumOfBytes(pattern(5000)));
  resources.files.set('mem://host/file', { bytes: pattern(7000).toReversed(), etag: '"2"' });
  resources.reportChange('mem://host/file');
  t.is(await sumOf(`${directory}/file`), sumOfBytes(pattern(7000).toReversed()));
  const sums = await shell('for i in 1 2 3 4 5 6 7 8; do cksum < "$1" & done; wait', `${directory}/shared`);
  t.is(sums.stdout, sumOfBytes(pattern(9000)).repeat(8));
  t.is(await sumOf(`${directory}/empty`), sumOfBytes(pattern(0)));
  t.is(resources.reads, 0);
});
