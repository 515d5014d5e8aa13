/** Content is compared with the digest that the source gives of it. */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { ContentCheck } from '../../src/cache/content-check.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import type { ContentDigest } from '../../src/source/index.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { listAll } from '../support/list-all.js';
import { temporaryDirectory } from '../support/temp.js';
import { TreeClient } from '../support/tree-client.js';
import { until } from '../support/until.js';
import { openStore } from './disk-store-support.js';

const FILE = 'tree://B/d/f';
const BLOCK_BYTES = 32 * 1024;
const SMALL = 'small content';
const LARGE = Array.from({ length: 40_000 }, (_, i) => `line ${i} of a large file\n`).join('');

interface Fixture {
  readonly source: TreeClient;
  readonly cache: CachedResources;
  readonly logged: object[];
  readonly changed: string[];
}

function start(t: ExecutionContext, content: string, digest: ContentDigest, disk?: DiskCache): Fixture {
  const source = new TreeClient({ 'd/f': content });
  source.digests.set('d/f', digest);
  const client = validatingClient(source);
  const logged: object[] = [];
  const changed: string[] = [];
  const cache = new CachedResources(
    { blockBytes: BLOCK_BYTES, memoryBytes: 32 * 1024 * 1024 },
    {
      clientFor: async () => client,
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'warn' }, { write: (line) => void logged.push(JSON.parse(line) as object) }),
      ...(disk === undefined ? {} : { disk }),
    },
  );
  cache.onChanged((url) => changed.push(url));
  t.teardown(() => cache.close());
  return { source, cache, logged, changed };
}

function sha256(text: string): ContentDigest {
  return { algorithm: 'sha256', hex: createHash('sha256').update(text).digest('hex') };
}

function read(file: OpenResource, offset = 0, length = 1 << 20): Promise<string> {
  return file.read(offset, length, (pieces) => Buffer.concat(pieces).toString());
}

test('digests of all algorithms have the values of their specifications', async (t) => {
  for (const [algorithm, hex] of [
    ['sha256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
    ['md5', '25f9e794323b453885f5181f1b624d0b'],
    ['crc32c', 'e3069283'],
    ['crc64nvme', 'ae8b14860a799888'],
    ['crc64xz', '995dc9bbdf1939fa'],
  ] as const) {
    for (const [text, found] of [
      ['123456789', undefined],
      ['123456780', true],
    ] as const) {
      const check = await ContentCheck.of({ algorithm, hex });
      for (const character of text) check.update(Buffer.from(character));
      t.is(check.mismatch() === undefined, found === undefined, algorithm);
    }
  }
});

// S122
test('a file that comes in one piece is not shown before it is right', async (t) => {
  const { source, cache, logged, changed } = start(t, SMALL, sha256('other'));
  await cache.stat(FILE);
  await until('the probe was compared', () => logged.length > 0);
  t.like(logged[0], { expected: `sha256 ${sha256('other').hex}`, found: `sha256 ${sha256(SMALL).hex}` });
  const file = await cache.open(FILE);
  t.like(await t.throwsAsync(read(file)), { code: 'CORRUPT' });
  t.like(await t.throwsAsync(read(file)), { code: 'CORRUPT' });
  t.deepEqual(changed, [FILE, FILE]);
  file.close();
  source.digests.set('d/f', sha256(SMALL));
  const again = await cache.open(FILE);
  t.is(await read(again), SMALL);
  again.close();
});

// S122
test('a download from the start is compared at its end', async (t) => {
  const { source, cache, logged, changed } = start(t, LARGE, sha256('other'));
  source.hasRanges = false;
  const file = await cache.open(FILE);
  t.is(await read(file, 0, 1000), LARGE.slice(0, 1000));
  t.like(await t.throwsAsync(read(file, LARGE.length - 10)), { code: 'CORRUPT' });
  t.like(await t.throwsAsync(read(file, 0, 10)), { code: 'CORRUPT' });
  t.is(logged.length, 1);
  t.deepEqual(changed, [FILE]);
  file.close();
  source.digests.set('d/f', sha256(LARGE));
  source.taken();
  const again = await cache.open(FILE);
  t.is(await read(again, LARGE.length - 10), LARGE.slice(-10));
  t.is(await read(again), LARGE.slice(0, 1 << 20));
  t.deepEqual(source.taken(), ['stat d/f'], 'nothing of the wrong download was kept');
  again.close();
});

// S122
test('of a file that only a listing knows, the digest is that of the response', async (t) => {
  const { source, cache, logged } = start(t, SMALL, sha256('other'));
  source.hasListedDigests = false;
  await listAll(cache, 'tree://B/d');
  source.taken();
  t.like(await t.throwsAsync(async () => await cache.open(FILE)), { code: 'CORRUPT' });
  t.deepEqual(source.taken(), ['read d/f 0-13']);
  t.like(logged[0], { expected: `sha256 ${sha256('other').hex}`, found: `sha256 ${sha256(SMALL).hex}` });
  source.digests.set('d/f', sha256(SMALL));
  const again = await cache.open(FILE);
  t.is(await read(again), SMALL);
  again.close();
});

// S54 S122
test('a copy of a file that only a listing knows is compared, too', async (t) => {
  const directory = await temporaryDirectory(t);
  const disk = await openStore(directory, { blockBytes: BLOCK_BYTES });
  const { source, cache, logged } = start(t, LARGE, sha256('other'), disk);
  source.hasListedDigests = false;
  await listAll(cache, 'tree://B/d');
  const file = await cache.open(FILE);
  await readAll(file);
  file.close();
  await until('the copy was compared', () => logged.length > 0);
  t.like(logged[0], { expected: `sha256 ${sha256('other').hex}` });
});

async function readAll(file: OpenResource): Promise<void> {
  for (let at = 0; at < LARGE.length; at += 100_000) await read(file, at, 100_000).catch(() => undefined);
}

// S122
test('a copy is compared when it is complete, whether the file is open or not', async (t) => {
  const directory = await temporaryDirectory(t);
  const disk = await openStore(directory, { blockBytes: BLOCK_BYTES });
  const { source, cache, logged, changed } = start(t, LARGE, sha256('other'), disk);
  await listAll(cache, 'tree://B/d');
  const file = await cache.open(FILE);
  await readAll(file);
  file.close();
  await until('the copy was compared', () => logged.length > 0);
  t.deepEqual(changed, [FILE]);
  source.taken();
  const again = await cache.open(FILE);
  await readAll(again);
  t.true(source.taken().length > 1, 'nothing is in memory any more');
  again.close();
});

// S54 S122
test('a complete copy that is wrong is dropped, and never handed to the kernel', async (t) => {
  const directory = await temporaryDirectory(t);
  const disk = await openStore(directory, { blockBytes: BLOCK_BYTES });
  const { source, cache, logged, changed } = start(t, LARGE, sha256('other'), disk);
  await listAll(cache, 'tree://B/d');
  const file = await cache.open(FILE);
  await readAll(file);
  await until('the copy was compared', () => logged.length > 0);
  t.is(file.localFd, undefined);
  t.deepEqual(changed, [FILE]);
  t.like(await t.throwsAsync(read(file)), { code: 'CORRUPT' });
  file.close();
  source.digests.set('d/f', sha256(LARGE));
  source.taken();
  const again = await cache.open(FILE);
  t.is(await read(again), LARGE.slice(0, 1 << 20));
  await readAll(again);
  t.true(source.taken().length > 0, 'nothing of the wrong copy was kept');
  const bytes = Buffer.alloc(LARGE.length);
  await until('the copy was compared', async () => {
    const copy = await cache.open(FILE);
    if (copy.localFd !== undefined) t.is(readSync(copy.localFd, bytes, 0, bytes.length, 0), LARGE.length);
    copy.close();
    return copy.localFd !== undefined;
  });
  t.true(bytes.toString() === LARGE);
  again.close();
  t.is(logged.length, 1);
});

test('a read that is given up at any moment leaves nothing behind', async (t) => {
  for (let turns = 0; turns < 30; turns += 1) {
    const { source, cache } = start(t, SMALL, sha256(SMALL));
    await listAll(cache, 'tree://B/d');
    const file = await cache.open(FILE);
    const controller = new AbortController();
    const reading = file.read(0, 100, (pieces) => Buffer.concat(pieces).toString(), controller);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    controller.abort();
    await reading.catch(() => undefined);
    t.is(await read(file), SMALL, `${turns} ${source.calls.join()}`);
    file.close();
  }
});
