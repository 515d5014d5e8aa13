/** All that is kept of names stays within one budget of bytes, and what was evicted is queried again. */
import test from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { BoundedMap } from '../../src/memory/bounded-map.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { NotFoundError, type ResourceClient } from '../../src/source/index.js';
import { ShownDigests } from '../../src/cache/blocks/shown-digests.js';
import { listAll } from '../support/list-all.js';
import { CountingBudget } from '../support/counting-budget.js';

const ENTRIES = 50;
const LONG_ETAG = 'x'.repeat(60_000);

/** Files with long ETags, directories of fifty entries, and nothing else; counts its requests. */
class Source {
  readonly requested = new Map<string, number>();

  readonly client: ResourceClient = {
    getContentLength: async () => 1,
    isSupportRange: async () => true,
    getLastModified: async () => -1,
    isExpired: async () => false,
    download: ({ url }) => Promise.reject(new NotFoundError(url)),
    getMetadata: async ({ url }) => {
      this.#count(url);
      if (url.pathname.startsWith('/missing')) throw new NotFoundError(url);
      const etag = url.pathname.startsWith('/long') ? `"${url.pathname}${LONG_ETAG}"` : `"${url.pathname}"`;
      return { kind: 'file', contentLength: url.pathname.length, supportRange: true, lastModified: -1, etag };
    },
    list: async ({ url }) => {
      this.#count(url);
      return Array.from({ length: ENTRIES }, (_, i) => {
        const name = `${i}-in-${url.pathname.slice(1, -1)}`;
        return { name, isDir: false, size: i, url: new URL(name, url) };
      });
    },
  };

  #count({ href }: URL): void {
    this.requested.set(href, (this.requested.get(href) ?? 0) + 1);
  }
}

function start(limitBytes: number): { cache: CachedResources; source: Source; budget: CountingBudget } {
  const source = new Source();
  const budget = new CountingBudget(limitBytes);
  const client = validatingClient(source.client);
  const context = {
    clientFor: () => Promise.resolve(client),
    log: pino({ level: 'silent' }),
    budget,
  };
  return { cache: new CachedResources({ memoryBytes: 1024 * 1024 }, context), source, budget };
}

// S85
test('attributes, missing names and listings share one limit, and come back right', async (t) => {
  const { cache, source, budget } = start(100_000);
  let most = 0;
  const use = async (i: number): Promise<void> => {
    t.like(await cache.stat(`test://h/file${i}`), { kind: 'file', size: `/file${i}`.length });
    await t.throwsAsync(cache.stat(`test://h/missing${i}`), { instanceOf: NotFoundError });
    if (i % 10 === 0) {
      const listed = await listAll(cache, `test://h/directory${i}`);
      t.deepEqual([listed.length, listed[7]], [ENTRIES, `7-in-directory${i}`]);
    }
    most = Math.max(most, budget.usedBytes);
  };
  for (let i = 0; i < 1_000; i += 1) await use(i);
  t.true(most <= 100_000, `${most}`);
  t.true(budget.usedBytes > 50_000, 'it is made use of');
  for (const i of [0, 999]) await use(i);
  t.is(source.requested.get('test://h/file0'), 2, 'was evicted, and is queried again');
  t.is(source.requested.get('test://h/file999'), 1, 'was used a moment ago');
  await cache.close();
});

test('long validators are counted by their length', async (t) => {
  const { cache, source, budget } = start(1_000_000);
  for (let i = 0; i < 50; i += 1) await cache.stat(`test://h/long${i}`);
  t.true(budget.usedBytes <= 1_000_000);
  t.true(budget.usedBytes > 800_000);
  const before = source.requested.size;
  for (let i = 0; i < 3; i += 1) {
    const stat = await cache.stat(`test://h/long${i}`);
    t.true(stat.kind === 'file' && stat.version?.validators.etag?.startsWith(`"/long${i}x`));
  }
  t.is(source.requested.size, before);
  t.is(source.requested.get('test://h/long0'), 2);
  await cache.close();
});

// S86
test('of all maps, what was used least recently is evicted', (t) => {
  const budget = new CountingBudget(1_000);
  const evicted: string[] = [];
  const mapOf = (): BoundedMap<number> =>
    new BoundedMap<number>({ budget, bytesOf: (bytes) => bytes, onEvicted: (key) => evicted.push(key) });
  const [one, two] = [mapOf(), mapOf()];
  one.set('a', 100);
  two.set('b', 100);
  one.set('c', 100);
  t.is(one.get('a'), 100, 'it is used');
  two.set('d', 100);
  t.deepEqual(evicted, ['b']);
  t.is(two.get('b'), undefined);
  one.set('a', 300);
  t.deepEqual(evicted, ['b', 'c'], 'what is set again counts by its new size');
  t.deepEqual([one.size, two.size], [1, 1]);
  budget.charge('inodes', 800);
  t.deepEqual(evicted, ['b', 'c', 'd', 'a'], 'what is charged leaves less');
  one.set('e', 200);
  t.is(one.get('e'), undefined, 'there is no room for it');
  budget.charge('inodes', -800);
  one.set('f', 100);
  two.set('g', 2_000);
  t.is(two.get('g'), undefined);
  t.is(one.get('f'), 100, 'nothing is evicted for what has no room anyway');
  one.delete('f');
  one.set('e', 100);
  t.is(one.get('e'), 100);
  one.delete('e');
  t.is(budget.usedBytes, 0);
});

// S85
test('inodes, digests and entries together stay within the budget, and each has a third of it', (t) => {
  const budget = new CountingBudget(90_000);
  const digests = new ShownDigests(budget, 16);
  for (let index = 0; index < 90_000; index += 1) digests.note(index, Buffer.alloc(16));
  while (budget.hasRoom('inodes', 1_000)) budget.charge('inodes', 1_000);
  const map = new BoundedMap<number>({ budget, bytesOf: () => 1_000 });
  for (let i = 0; i < 100; i += 1) map.set(`${i}`, i);
  t.true(budget.usedBytes <= 90_000, `${budget.usedBytes}`);
  t.true(map.size > 20, `${map.size}`);
  budget.charge('inodes', 200_000);
  t.true(map.size > 20, 'whatever the kernel knows');
});
