/** Listings that come in pages. */
import test from 'ava';

import { type ResourceClient, Request, SourceError, type UrlEntry } from '../../src/source/index.js';
import { validatingClient } from '../../src/source/validating-client.js';

const DIRECTORY = new Request('x://h/d/');

function page(...names: readonly string[]): UrlEntry[] {
  return names.map((name) => ({ name, url: new URL(name, DIRECTORY.url), isDir: false }));
}

function paged(list: () => AsyncGenerator<UrlEntry[]>): ReturnType<typeof validatingClient> {
  return validatingClient({ list } as unknown as ResourceClient);
}

test('pages are one listing', async (t) => {
  const client = paged(async function* () {
    yield page('a', 'b');
    yield [];
    yield page('c');
  });
  t.deepEqual(
    (await client.list(DIRECTORY)).map(({ name }) => name),
    ['a', 'b', 'c'],
  );
});

test('a page is fetched when the one before was taken', async (t) => {
  const events: string[] = [];
  const client = paged(async function* () {
    for (const name of ['a', 'b']) {
      events.push(`fetch ${name}`);
      yield page(name);
    }
  });
  const rest = await client.list(DIRECTORY, async ([entry]) => {
    events.push(`take ${entry?.name}`);
    await Promise.resolve();
    events.push(`took ${entry?.name}`);
  });
  t.deepEqual(rest, []);
  t.deepEqual(events, ['fetch a', 'take a', 'took a', 'fetch b', 'take b', 'took b']);
});

// S95
test('pages that repeat themselves, have no end, or break off are an error', async (t) => {
  let closed = 0;
  const endless = (next: (index: number) => UrlEntry[]) =>
    paged(async function* () {
      try {
        for (let index = 0; ; index += 1) yield next(index);
      } finally {
        closed += 1;
      }
    });
  const repeated = await t.throwsAsync<SourceError>(endless((i) => page(`${i % 3}`, 'z')).list(DIRECTORY));
  t.like(repeated, { code: 'PROTOCOL', message: 'the listing repeats a page: x://h/d/' });
  t.like(await t.throwsAsync(endless(() => []).list(DIRECTORY)), { code: 'PROTOCOL' });
  const long = Array.from({ length: 100_000 }, () => page('x')[0] as UrlEntry);
  const tooLong = endless((i) => [...page(`${i}`), ...long]).list(DIRECTORY);
  t.like(await t.throwsAsync(tooLong), { code: 'PROTOCOL', message: 'the listing is too long: x://h/d/' });
  t.is(closed, 3);
  const broken = paged(async function* () {
    yield page('a');
    throw new SourceError('CONNECTION_LOST', 'lost', 'x://h');
  });
  t.like(await t.throwsAsync(broken.list(DIRECTORY)), { code: 'CONNECTION_LOST' });
  const odd = paged(async function* () {
    yield 'page' as never;
  });
  t.like(await t.throwsAsync(odd.list(DIRECTORY)), { code: 'CLIENT_FAULT' });
});

test('an abort ends a listing between two pages', async (t) => {
  const controller = new AbortController();
  let pages = 0;
  let isClosed = false;
  const client = paged(async function* () {
    try {
      for (;;) {
        pages += 1;
        yield page(`${pages}`);
      }
    } finally {
      isClosed = true;
    }
  });
  const listing = client.list(DIRECTORY.with({ signal: controller.signal }), async () => {
    if (pages === 3) controller.abort();
    await Promise.resolve();
  });
  t.like(await t.throwsAsync(listing), { code: 'INTERRUPTED' });
  await Promise.resolve();
  t.true(isClosed);
  t.true(pages <= 4);
});
