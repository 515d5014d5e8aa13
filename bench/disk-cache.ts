/**
 * The disk cache against plain files: medians of ROUNDS rounds, in MB/s or milliseconds, all from and to the
 * page cache. Run: npm run build && node dist/bench/disk-cache.js [directory]
 */
import { constants } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { pino } from 'pino';

import { checksumOf } from '../src/cache/checksum.js';
import type { CheckedBlock, DiskCache, StoredFacts } from '../src/cache/disk/disk-cache.js';
import { DEFAULT_DISK_CACHE_OPTIONS } from '../src/cache/disk/disk-cache-options.js';
import { close, ftruncate, open, readAt, writeAt } from '../src/cache/disk/file-io.js';
import {
  filePath,
  LAYOUT_DIRECTORY,
  nameOfSegment,
  nameOfVersion,
  shardPath,
} from '../src/cache/disk/layout.js';
import { openDiskCache } from '../src/cache/disk/open-disk-cache.js';
import { MetadataBudget } from '../src/memory/metadata-budget.js';

const ROUNDS = 5;
const FILE_BYTES = 256 * 1024 * 1024;
const RUN_BYTES = 1024 * 1024;
const SMALL_FILES = 2_000;
const SMALL_BYTES = 10_000;
const MANY_ENTRIES = 100_000;
const { blockBytes } = DEFAULT_DISK_CACHE_OPTIONS;
const RUN_BLOCKS = RUN_BYTES / blockBytes;

function factsOf(id: string, sizeBytes: number): StoredFacts {
  const version = { id, validators: { etag: id }, verifiable: true };
  return { version, sizeBytes, lastModifiedMs: undefined, supportRange: true };
}

/** Views of one buffer, as the readers of the cache have them. */
function blocksOf(buffer: Buffer): Buffer[] {
  const starts = Array.from(
    { length: Math.ceil(buffer.length / blockBytes) },
    (_, index) => index * blockBytes,
  );
  return starts.map((at) => buffer.subarray(at, at + blockBytes));
}

const results = new Map<string, number[]>();

function note(what: string, value: number): void {
  results.set(what, [...(results.get(what) ?? []), value]);
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}

async function plainFile(directory: string): Promise<void> {
  const fd = await open(join(directory, 'plain'), constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC);
  await ftruncate(fd, FILE_BYTES);
  const run = Buffer.alloc(RUN_BYTES, 'd7y');
  const each = async (work: (at: number) => Promise<unknown>): Promise<void> => {
    for (let at = 0; at < FILE_BYTES; at += RUN_BYTES) await work(at);
  };
  const written = await seconds(() => each((at) => writeAt(fd, [run], at)));
  note('write, plain file, MB/s', FILE_BYTES / 1e6 / written);
  const read = await seconds(() => each((at) => readAt(fd, [run], at)));
  note('read, plain file, MB/s', FILE_BYTES / 1e6 / read);
  await close(fd);
  await rm(join(directory, 'plain'));
}

async function largeVersion(store: DiskCache, round: number): Promise<void> {
  const key = { resource: 'https://host.example/large', version: `"${round}"` };
  const version = await store.open(key, factsOf(key.version, FILE_BYTES));
  if (version === undefined) throw new Error('the store is off');
  const run = blocksOf(Buffer.alloc(RUN_BYTES, 'd7y'));
  const each = async (work: (first: number) => Promise<boolean>): Promise<void> => {
    for (let first = 0; first < FILE_BYTES / blockBytes; first += RUN_BLOCKS) {
      if (!(await work(first))) throw new Error('not stored, or wrong');
    }
  };
  const written = await seconds(() => each((first) => version.write(checked(first, run))));
  note('write, store, MB/s', FILE_BYTES / 1e6 / written);
  const read = await seconds(() => each(async (first) => (await version.read(first, run)).every(Boolean)));
  note('read, store, MB/s', FILE_BYTES / 1e6 / read);
  version.close();
  store.drop(key);
  await store.newest(key.resource);
}

async function smallVersions(store: DiskCache, round: number): Promise<void> {
  const block = [Buffer.alloc(SMALL_BYTES, 'd7y')];
  const each = async (work: 'read' | 'write'): Promise<void> => {
    for (let file = 0; file < SMALL_FILES; file += 1) {
      const key = { resource: `https://host.example/small-${file}`, version: `"${round}"` };
      const version = await store.open(key, factsOf(key.version, SMALL_BYTES));
      if (work === 'write') await version?.write(checked(0, block));
      else await version?.read(0, block);
      version?.close();
    }
  };
  note('small files written per second', SMALL_FILES / (await seconds(() => each('write'))));
  note('small files read per second', SMALL_FILES / (await seconds(() => each('read'))));
}

/** Checksums are part of what storing costs. */
function checked(first: number, blocks: readonly Uint8Array[]): CheckedBlock[] {
  return blocks.map((bytes, offset) => ({ index: first + offset, bytes, checksum: checksumOf(bytes) }));
}

/** Names as the store gives them; what is in the files does not matter to the scan. */
async function makeMany(directory: string): Promise<void> {
  const root = join(directory, LAYOUT_DIRECTORY);
  for (let entry = 0; entry < MANY_ENTRIES; entry += 1) {
    const versionName = nameOfVersion({ resource: `https://host.example/${entry}`, version: '"1"' });
    const name = nameOfSegment(versionName, 0);
    await mkdir(shardPath(root, name), { recursive: true });
    await writeFile(filePath(root, name, 'index'), 'd7y');
    await writeFile(filePath(root, name, 'data'), '');
  }
}

async function openStore(directory: string): Promise<DiskCache> {
  return await openDiskCache({ ...DEFAULT_DISK_CACHE_OPTIONS, directory, budget, log });
}

async function manyEntries(directory: string): Promise<void> {
  await makeMany(directory);
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    const store = await openStore(directory);
    note(`start with ${MANY_ENTRIES} entries, ms`, performance.now() - begin);
    const asked = performance.now();
    await store.newest(`https://host.example/${round}`);
    note('  first question for a URL, ms', performance.now() - asked);
    const key = { resource: 'https://host.example/first', version: `"${round}"` };
    const version = await store.open(key, factsOf(key.version, 10));
    await version?.write(checked(0, [Buffer.alloc(10)]));
    note('  until the first write, ms', performance.now() - begin);
    version?.close();
    await store.close();
  }
}

const log = pino({ level: 'warn' });
const budget = MetadataBudget.beside(0);
const work = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'd7y-bench-'));
try {
  for (let round = 0; round < ROUNDS; round += 1) {
    await plainFile(work);
    const store = await openStore(join(work, 'cache'));
    await largeVersion(store, round);
    await smallVersions(store, round);
    await store.close();
  }
  await manyEntries(join(work, 'many'));
  for (const [what, values] of results) {
    const sorted = values.toSorted((a, b) => a - b);
    console.log(`${what.padEnd(36)} ${(sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(1).padStart(9)}`);
  }
} finally {
  await rm(work, { recursive: true, force: true });
}
