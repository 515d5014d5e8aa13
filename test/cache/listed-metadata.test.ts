/** What a listing says of a file is its metadata: docs/SEMANTICS.md, S120. */
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { listAll } from '../support/list-all.js';
import { TreeClient } from '../support/tree-client.js';

const FILE = 'tree://B/d/f';

interface Fixture {
  readonly source: TreeClient;
  readonly cache: CachedResources;
  readonly clock: { ms: number };
  readonly readAll: () => Promise<string>;
}

function start(t: ExecutionContext, content: string): Fixture {
  const source = new TreeClient({ 'd/f': content });
  const client = validatingClient(source);
  const clock = { ms: 1_700_000_000_000 };
  const cache = new CachedResources(
    { memoryBytes: 32 * 1024 * 1024 },
    {
      clientFor: async () => client,
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'silent' }),
      now: () => clock.ms,
    },
  );
  t.teardown(() => cache.close());
  const readAll = async (): Promise<string> => {
    const file = await cache.open(FILE);
    const length = file.size ?? 0;
    const bytes = await file.read(0, length, (pieces) => Buffer.concat(pieces).toString());
    file.close();
    return bytes;
  };
  return { source, cache, clock, readAll };
}

test('a newer listing counts at open, too', async (t) => {
  const { source, cache, clock, readAll } = start(t, 'old');
  t.is(await readAll(), 'old');
  source.files.set('d/f', 'newer');
  clock.ms += 1_000;
  t.is(await readAll(), 'old', 'within the TTL');
  await listAll(cache, 'tree://B/d');
  source.taken();
  t.is(await readAll(), 'newer');
  t.deepEqual(source.taken(), ['read d/f 0-5']);
});

test('an older listing does not count', async (t) => {
  // Too large to be read at its open.
  const { source, cache, clock, readAll } = start(t, 'old'.repeat(20_000));
  await listAll(cache, 'tree://B/d');
  source.files.set('d/f', 'newer');
  clock.ms += 1_000;
  t.like(await t.throwsAsync(readAll()), { code: 'CHANGED' });
  t.is(await readAll(), 'newer');
  source.taken();
  t.is(await readAll(), 'newer');
  t.deepEqual(source.taken(), []);
  clock.ms += 59_000;
  t.is(await readAll(), 'newer', 'the listing is stale, the metadata not yet');
  source.files.set('d/f', 'newest');
  clock.ms += 1_000;
  t.is(await readAll(), 'newest');
  t.deepEqual(source.taken(), ['check d/f', 'stat d/f']);
});

test('a listing confirms what is known of the same version', async (t) => {
  const content = 'x'.repeat(100_000);
  const { source, cache, clock, readAll } = start(t, content);
  source.hasRanges = false;
  t.is(await readAll(), content);
  clock.ms += 59_000;
  await listAll(cache, 'tree://B/d');
  clock.ms += 59_000;
  source.taken();
  t.is(await readAll(), content);
  t.deepEqual(source.taken(), [], 'it is fresh as long as the listing');
  const file = await cache.open(FILE);
  t.is(file.version.validators.lastModifiedMs, Date.UTC(2024, 0, 2, 3, 4, 5), 'as the probe brought it');
  file.close();
});
