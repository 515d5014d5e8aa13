import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';

import test, { type ExecutionContext } from 'ava';

import { checksumOf } from '../../src/checksum.js';
import type { StoredVersion, WritePath } from '../../src/cache/disk/disk-cache.js';
import { loadSyscalls } from '../../src/native/posix.js';
import { until } from '../support/until.js';
import { temporaryDirectory } from '../support/temp.js';
import { opened, openStore, readAll, Sample, storeFiles, storeFor } from './disk-store-support.js';

const BLOCK_BYTES = 64 * 1024;
const PAGE_BYTES = 4096;
/** Whole blocks; one more follows that is shorter, and no multiple of anything. */
const BLOCKS = 64;
/** linux/magic.h. Its files are nowhere else. */
const TMPFS_MAGIC = 0x0102_1994;

const sample = new Sample('large', BLOCKS * BLOCK_BYTES + 777, '1', BLOCK_BYTES);

/** All blocks from `first` on. `shiftBytes`: how far the memory is from the start of a page. */
async function store(
  version: StoredVersion,
  path: WritePath,
  { shiftBytes = 0, first = 0 } = {},
): Promise<boolean> {
  const syscalls = await loadSyscalls();
  const allocated = Buffer.from(new SharedArrayBuffer((BLOCKS + 3) * BLOCK_BYTES));
  const beyond = Number(syscalls.addressOf(allocated) % BigInt(PAGE_BYTES));
  const memory = allocated.subarray(beyond === 0 ? 0 : PAGE_BYTES - beyond);
  return await version.write(
    sample.blocks(first, BLOCKS + 1 - first).map((bytes, offset) => {
      const index = first + offset;
      const at = shiftBytes + index * BLOCK_BYTES;
      bytes.copy(memory, at);
      return { index, bytes: memory.subarray(at, at + bytes.length), checksum: checksumOf(bytes) };
    }),
    path,
  );
}

/** How much of the data file is in the page cache. */
function cachedBytes(directory: string): number {
  const args = ['--bytes', '--noheadings', '--output', 'RES', ...storeFiles(directory, '.data')];
  return Number(execFileSync('fincore', args, { encoding: 'utf8' }));
}

async function isRight(t: ExecutionContext, directory: string, version: StoredVersion): Promise<void> {
  t.true(readFileSync(storeFiles(directory, '.data')[0] ?? '').equals(sample.bytes()));
  t.deepEqual(await readAll(t, version, sample), { right: BLOCKS + 1, wrong: 0 });
  t.not(version.localFd(), undefined);
}

test('a run of blocks is written past the page cache, but for the end of the file', async (t) => {
  const directory = await temporaryDirectory(t);
  const options = { blockBytes: BLOCK_BYTES };
  const first = await openStore(directory, options);
  const version = await opened(first, sample);
  t.true(await store(version, 'direct', { first: 1 }));
  if (statfsSync(directory).type === TMPFS_MAGIC) t.log('a directory in memory: not checked');
  else t.true(cachedBytes(directory) <= BLOCK_BYTES, 'at most the last block');
  t.true(await store(version, 'direct'));
  await until('a complete copy is brought there', () => cachedBytes(directory) > BLOCKS * BLOCK_BYTES);
  await isRight(t, directory, version);
  version.close();
  await first.close();
  const second = await storeFor(t, directory, options);
  const again = await opened(second, sample);
  t.deepEqual(await readAll(t, again, sample), { right: BLOCKS + 1, wrong: 0 });
});

test('by way of the page cache it stays there', async (t) => {
  const directory = await temporaryDirectory(t);
  const version = await opened(await storeFor(t, directory, { blockBytes: BLOCK_BYTES }), sample);
  t.true(await store(version, 'cached'));
  t.true(cachedBytes(directory) > BLOCKS * BLOCK_BYTES);
  await isRight(t, directory, version);
});

test('memory that cannot be written from directly is written all the same', async (t) => {
  const directory = await temporaryDirectory(t);
  const version = await opened(await storeFor(t, directory, { blockBytes: BLOCK_BYTES }), sample);
  t.true(await store(version, 'direct', { shiftBytes: 8 }));
  await isRight(t, directory, version);
});
