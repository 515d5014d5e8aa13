/** What is known of a resource, and which of several answers is the newer one. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import { withResolvers } from '../../src/with-resolvers.js';
import { validatingClient } from '../../src/source/validating-client.js';
import {
  ChangedError,
  newResponse,
  OfflineError,
  type ResourceClient,
  SourceError,
} from '../../src/source/index.js';
import { listAll } from '../support/list-all.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { openStore } from './disk-store-support.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const BLOCK_BYTES = 4096;
const TTL_MS = 60_000;
const FILE = 'test://host/file';

/** A directory with one file, whose version is its content. */
class Origin {
  content = Buffer.alloc(BLOCK_BYTES, 'a');
  nowMs = Date.now();
  probes = 0;
  /** A listing is answered with what there was when it was requested, but not before this. */
  listingGate: Promise<void> | undefined;
  failure: SourceError | undefined;
  /** As `listingGate`, for queries about a version. */
  expiryGate: Promise<void> | undefined;
  expiryFailure: SourceError | undefined;
  /** There is no client. */
  clientFailure: SourceError | undefined;

  change(letter: string, blocks: number): void {
    this.content = Buffer.alloc(blocks * BLOCK_BYTES, letter);
    this.nowMs += 1;
  }

  get #etag(): string {
    return `"${this.content.toString('latin1', 0, 1)}"`;
  }

  readonly client: ResourceClient = {
    getContentLength: async () => this.content.length,
    isSupportRange: async () => true,
    getLastModified: async () => -1,
    isExpired: async (_, { etag }) => {
      const isExpired = etag !== this.#etag;
      await this.expiryGate;
      if (this.expiryFailure !== undefined) throw this.expiryFailure;
      return isExpired;
    },
    getMetadata: async ({ url }) => {
      if (this.failure !== undefined) throw this.failure;
      this.probes += 1;
      const unknown = { contentLength: -1, supportRange: false, lastModified: -1 };
      if (url.href !== FILE) return { kind: 'directory', ...unknown };
      return { kind: 'file', ...unknown, ...this.#facts };
    },
    download: async ({ url, pin, range = { start: 0, end: this.content.length } }) => {
      if (pin?.etag !== this.#etag) throw new ChangedError(url, { found: this.#etag });
      return newResponse(this.content.subarray(range.start, range.end), { offset: range.start });
    },
    list: async ({ url }) => {
      const size = this.content.length;
      await this.listingGate;
      return [{ name: 'file', isDir: false, size, url: new URL('file', url) }];
    },
  };

  get #facts(): { contentLength: number; supportRange: boolean; etag: string } {
    return { contentLength: this.content.length, supportRange: true, etag: this.#etag };
  }

  cache(disk?: DiskCache, onLog: (line: string) => void = () => undefined): CachedResources {
    const client = validatingClient(this.client);
    return new CachedResources(
      {
        memoryBytes: 64 * BLOCK_BYTES,
        blockBytes: BLOCK_BYTES,
        probeBytes: BLOCK_BYTES,
        metadataTtlMs: TTL_MS,
      },
      {
        clientFor: async () => {
          if (this.clientFailure !== undefined) throw this.clientFailure;
          return client;
        },
        budget: MetadataBudget.beside(0),
        log: pino({ level: 'warn' }, { write: onLog }),
        now: () => this.nowMs,
        ...(disk === undefined ? {} : { disk }),
      },
    );
  }
}

async function read(cache: CachedResources): Promise<string> {
  const file = await cache.open(FILE);
  try {
    return await file.read(0, 100_000, (pieces) => Buffer.concat(pieces).toString());
  } finally {
    file.close();
  }
}

for (const where of ['memory', 'disk']) {
  // S40
  test(`a listing that contradicts what is known of a file is believed: it was kept in ${where}`, async (t) => {
    const disk = where === 'disk' ? await openStore(await temporaryDirectory(t)) : undefined;
    const origin = new Origin();
    const cache = origin.cache(disk);
    t.teardown(() => cache.close());
    await read(cache);
    if (disk !== undefined) {
      await until('it is stored', async () => (await disk.newest(FILE)) !== undefined);
    }
    origin.change('b', 2);
    await listAll(cache, 'test://host');
    t.like(await cache.stat(FILE), { size: 2 * BLOCK_BYTES });
    t.is(await read(cache), 'b'.repeat(2 * BLOCK_BYTES));
  });
}

// S40
test('a listing that was requested before the metadata of a file is older', async (t) => {
  const origin = new Origin();
  const cache = origin.cache();
  const gate = withResolvers<void>();
  origin.listingGate = gate.promise;
  const listing = listAll(cache, 'test://host');
  await nextTurn();
  origin.change('b', 2);
  t.is(await read(cache), 'b'.repeat(2 * BLOCK_BYTES));
  origin.nowMs += 1;
  gate.resolve();
  await listing;
  t.like(await cache.stat(FILE), { size: 2 * BLOCK_BYTES });
});

test('a reader of a version that is gone takes nothing back that is known of the one after it', async (t) => {
  const origin = new Origin();
  origin.content = Buffer.alloc(8 * BLOCK_BYTES, 'a');
  let changes = 0;
  const cache = origin.cache();
  cache.onChanged(() => (changes += 1));
  const old = await cache.open(FILE);
  origin.change('b', 2);
  for (let block = 0; block < 4; block += 1) {
    const failed = old.read(block * BLOCK_BYTES, 1, () => undefined);
    t.like(await t.throwsAsync(failed), { code: 'CHANGED' });
    t.is(await read(cache), 'b'.repeat(2 * BLOCK_BYTES));
  }
  t.is(origin.probes, 2);
  t.is(changes, 2, 'when it was noticed, and when the new one was known');
  old.close();
});

// S42
test('a directory stays one while the source cannot be queried, and what is trusted does not outlast a clock', async (t) => {
  const origin = new Origin();
  const cache = origin.cache();
  t.like(await cache.stat('test://host/directory'), { kind: 'directory' });
  origin.nowMs += TTL_MS;
  origin.failure = new SourceError('CONNECTION_REFUSED', 'refused', FILE);
  t.like(await cache.stat('test://host/directory'), { kind: 'directory' });
  await t.throwsAsync(cache.stat(FILE), { message: /refused/ });
  origin.failure = undefined;
  origin.nowMs -= 3_600_000;
  t.like(await cache.stat('test://host/directory'), { kind: 'directory' });
  t.is(origin.probes, 2, 'queried again once the clock was set back');
});

test('metadata that is needed is counted by how it was had', async (t) => {
  const origin = new Origin();
  const cache = origin.cache();
  const lookup = async (): Promise<void> => {
    if (cache.peek(FILE) === undefined) await cache.stat(FILE);
  };
  await lookup();
  await lookup();
  origin.nowMs += TTL_MS;
  await lookup();
  origin.nowMs += TTL_MS;
  origin.expiryFailure = new SourceError('TIMEOUT', 'no response', FILE);
  await lookup();
  origin.failure = new SourceError('CONNECTION_REFUSED', 'refused', FILE);
  await t.throwsAsync(cache.stat('test://host/other'));
  const { lookups, staleServed } = cache.report.activity;
  t.deepEqual(lookups, { fresh: 1, revalidated: 1, queried: 1, stale: 1, missing: 0, failed: 1 });
  t.deepEqual([...staleServed], [['TIMEOUT', 1]]);
});

test('a source that cannot revalidate a version is probed instead', async (t) => {
  const origin = new Origin();
  const cache = origin.cache();
  origin.expiryFailure = new SourceError('INVALID_REQUEST', 'the plugin cannot revalidate', FILE);
  t.is(await read(cache), 'a'.repeat(BLOCK_BYTES));
  origin.nowMs += TTL_MS;
  t.is(await read(cache), 'a'.repeat(BLOCK_BYTES));
  t.is(origin.probes, 2);
  origin.nowMs += TTL_MS;
  origin.failure = new SourceError('CONNECTION_REFUSED', 'refused', FILE);
  t.like(await cache.stat(FILE), { size: BLOCK_BYTES }, 'it stays valid while the source is away');
  origin.failure = undefined;
  origin.nowMs += TTL_MS;
  origin.change('b', 2);
  t.is(await read(cache), 'b'.repeat(2 * BLOCK_BYTES));
});

for (const [title, failure] of [
  ['has another version', undefined],
  ['forbids it', new SourceError('ACCESS_DENIED', 'forbidden', FILE)],
] as const) {
  test(`what a source said before it went away holds: it ${title}`, async (t) => {
    const disk = await openStore(await temporaryDirectory(t));
    const origin = new Origin();
    const cache = origin.cache(disk);
    t.teardown(() => cache.close());
    t.is(await read(cache), 'a'.repeat(BLOCK_BYTES));
    await until('it is stored', async () => (await disk.newest(FILE)) !== undefined);
    origin.nowMs += TTL_MS;
    origin.change('b', 1);
    origin.expiryFailure = failure;
    origin.failure = new SourceError('TIMEOUT', 'no answer', FILE);
    t.like(await t.throwsAsync(cache.stat(FILE)), { code: 'TIMEOUT' });
    origin.expiryFailure = origin.failure;
    origin.nowMs += TTL_MS;
    t.like(await t.throwsAsync(cache.stat(FILE)), { code: 'TIMEOUT' });
    if (failure !== undefined) t.is(await disk.newest(FILE), undefined);
  });
}

test('what was invalidated while the source was queried about it does not come back', async (t) => {
  const origin = new Origin();
  origin.content = Buffer.alloc(8 * BLOCK_BYTES, 'a');
  const cache = origin.cache();
  const old = await cache.open(FILE);
  origin.nowMs += TTL_MS;
  const gate = withResolvers<void>();
  origin.expiryGate = gate.promise;
  const stat = cache.stat(FILE);
  await nextTurn();
  origin.change('b', 2);
  t.like(await t.throwsAsync(old.read(0, 1, () => undefined)), { code: 'CHANGED' });
  gate.resolve();
  origin.expiryGate = undefined;
  t.like(await stat, { size: 2 * BLOCK_BYTES });
  t.is(await read(cache), 'b'.repeat(2 * BLOCK_BYTES));
  old.close();
});

test('metadata stays valid when no client can be created', async (t) => {
  const origin = new Origin();
  const cache = origin.cache();
  t.is(await read(cache), 'a'.repeat(BLOCK_BYTES));
  const { length } = await listAll(cache, 'test://host');
  origin.nowMs += TTL_MS;
  origin.clientFailure = new SourceError('CLIENT_FAULT', 'the plugin does not start', FILE);
  t.is(await read(cache), 'a'.repeat(BLOCK_BYTES));
  t.is((await listAll(cache, 'test://host')).length, length);
  t.like(await t.throwsAsync(cache.stat('test://host/other')), { code: 'CLIENT_FAULT' });
});

// S43
test('without a network by choice, no warning says that nothing is revalidated', async (t) => {
  for (const [failure, warnings] of [
    [new SourceError('NETWORK_UNREACHABLE', 'no route', FILE), 2],
    [new OfflineError(FILE), 0],
  ] as const) {
    const origin = new Origin();
    const logged: string[] = [];
    const cache = origin.cache(undefined, (line) => logged.push(line));
    t.teardown(() => cache.close());
    await listAll(cache, 'test://host');
    await read(cache);
    origin.nowMs += TTL_MS;
    origin.expiryFailure = failure;
    origin.listingGate = Promise.reject(failure);
    t.is(await read(cache), 'a'.repeat(BLOCK_BYTES));
    t.deepEqual(await listAll(cache, 'test://host'), ['file']);
    t.is(logged.length, warnings, logged.join());
  }
});
