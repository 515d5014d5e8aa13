/** What is fresh, stale or invalid, over a source that responds as each test says. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import type { ConfirmedFacts } from '../../src/cache/disk/disk-cache.js';
import { BlockPool } from '../../src/cache/blocks/block-pool.js';
import { MemoryShares } from '../../src/cache/blocks/memory-shares.js';
import type { FileMetadata, ResourceMetadata } from '../../src/cache/file-metadata.js';
import { Freshness } from '../../src/cache/freshness.js';
import { MetadataQueries } from '../../src/cache/metadata-queries.js';
import type { Resource } from '../../src/cache/resource.js';
import { ResourceTable } from '../../src/cache/resource-table.js';
import { type VersionKey, versionOf } from '../../src/cache/version-identity.js';
import type { VersionStorage } from '../../src/cache/version-storage.js';
import { VersionsInUse } from '../../src/cache/versions-in-use.js';
import {
  type CompleteClient,
  type ExpireInfo,
  type Metadata,
  NotFoundError,
  newResponse,
  type Request,
  SourceError,
  type SourceErrorCode,
} from '../../src/source/index.js';
import { CountingBudget } from '../support/counting-budget.js';
import { withResolvers } from '../../src/with-resolvers.js';

const [TTL_MS, NEGATIVE_TTL_MS, STALE_MS] = [1_000, 100, 10_000];
const URL = 'test://host/file';
const UNKNOWN = { contentLength: -2, supportRange: false, lastModified: -1 };
const DIRECTORY: Metadata = { kind: 'directory', ...UNKNOWN };

function file(etag: string, facts: Partial<Metadata> = {}): Metadata {
  return { kind: 'file', contentLength: 10, supportRange: true, lastModified: -1, etag, ...facts };
}

function failure(code: SourceErrorCode): SourceError {
  return new SourceError(code, 'failed', URL);
}

class Fixture {
  nowMs = 1_000_000;
  metadata: () => Promise<Metadata> = async () => file('"1"');
  isExpired: (info: ExpireInfo, request: Request) => Promise<boolean> = async () => false;
  newest: () => Promise<ConfirmedFacts | undefined> = async () => undefined;
  /** The permissions that a listing shows. */
  listed: number | undefined;
  /** Requests, and what the cache reported. */
  events: string[] = [];
  readonly budget: CountingBudget;
  readonly table: ResourceTable;
  readonly queries: MetadataQueries;

  constructor(budgetBytes = 1024 * 1024) {
    this.budget = new CountingBudget(budgetBytes);
    const client = {
      getMetadata: async ({ listedMode }: Request) => {
        this.events.push(listedMode === undefined ? 'probe' : `probe ${listedMode}`);
        return await this.metadata();
      },
      isExpired: async (request: Request, info: ExpireInfo) => {
        this.events.push('revalidate');
        return await this.isExpired(info, request);
      },
    } as unknown as CompleteClient;
    let dropped = '';
    const { events } = this;
    const storage = {
      newest: async () => await this.newest(),
      confirm: (_: string, { version }: FileMetadata) =>
        this.events.push(`confirmed ${version.validators.etag}`),
      drop: (key: VersionKey) => ([, dropped = ''] = key.version.split(' ')),
      isStorable: () => false,
      open: () => undefined,
    } as unknown as VersionStorage;
    const inUse = new (class extends VersionsInUse {
      override add = (): unknown => events.push('probed');
    })();
    const versions = {
      pool: new BlockPool(1024, 4),
      budget: this.budget,
      shares: new MemoryShares(),
      storage,
      inUse,
      probeBytes: 4,
      clientFor: async () => client,
      peers: undefined,
      log: pino({ level: 'warn' }, { write: () => this.events.push('logged') }),
    };
    const limits = {
      metadataTtlMs: TTL_MS,
      negativeTtlMs: NEGATIVE_TTL_MS,
      staleIfErrorMs: STALE_MS,
    };
    const freshness = new Freshness(limits, () => this.nowMs);
    this.table = new ResourceTable(versions, freshness, () => this.events.push(`changed ${dropped}`));
    this.queries = new MetadataQueries(versions, freshness, { permissionsOf: () => this.listed });
  }

  get resource(): Resource {
    return this.table.of(URL);
  }

  async get(url = URL, signal?: AbortSignal): Promise<ResourceMetadata> {
    return await this.queries.get(this.table.of(url), { signal });
  }

  fail(code: SourceErrorCode): void {
    const fail = async (): Promise<never> => await Promise.reject(failure(code));
    this.metadata = fail;
    this.isExpired = fail;
  }

  /** The events since the last call. */
  take(): string[] {
    return this.events.splice(0);
  }

  async file(): Promise<FileMetadata> {
    return (await this.get()) as FileMetadata;
  }
}

// S36 S37
test('a version that is revalidated is fresh for another TTL', async (t) => {
  const fixture = new Fixture();
  const first = await fixture.file();
  t.deepEqual(fixture.take(), ['probe', 'confirmed "1"']);
  for (let ttl = 0; ttl < 2; ttl += 1) {
    fixture.nowMs += TTL_MS;
    t.is(fixture.table.get(URL)?.fresh, undefined);
    t.is(await fixture.file(), first);
    t.is(await fixture.file(), first);
    t.deepEqual(fixture.take(), ['revalidate', 'confirmed "1"']);
  }
});

// S37
test('a version is revalidated by the validators that it has', async (t) => {
  const lastModified = Date.UTC(2020, 1, 2);
  const byTime = { lastModified: 'Sun, 02 Feb 2020 00:00:00 GMT' };
  for (const [{ etag: _, ...others }, etag, expected] of [
    [file('', { lastModified }), undefined, byTime],
    [file(''), '"1"', { etag: '"1"' }],
    [file('', { lastModified }), '"1"', { etag: '"1"', ...byTime }],
  ] as const) {
    const fixture = new Fixture();
    fixture.metadata = async () => ({ ...others, ...(etag === undefined ? {} : { etag }) });
    await fixture.file();
    fixture.nowMs += TTL_MS;
    fixture.isExpired = async (info) => {
      t.deepEqual(info, expected);
      return false;
    };
    await fixture.file();
    t.is(fixture.events.filter((event) => event === 'revalidate').length, 1);
  }
});

// S29
test('a time that the source does not give is none', async (t) => {
  const fixture = new Fixture();
  t.is((await fixture.file()).lastModifiedMs, undefined);
  fixture.metadata = async () => ({ ...DIRECTORY, lastModified: 5 });
  t.deepEqual(await fixture.get(`${URL}/d`), {
    kind: 'directory',
    lastModifiedMs: 5,
    permissions: undefined,
  });
});

for (const kind of ['file', 'directory'] as const) {
  // S42
  test(`stale metadata of a ${kind} is served for stale-if-error since the source last confirmed it`, async (t) => {
    const fixture = new Fixture();
    if (kind === 'directory') fixture.metadata = async () => DIRECTORY;
    await fixture.get();
    if (kind === 'file') {
      fixture.nowMs += TTL_MS;
      await fixture.get();
    }
    const confirmedAtMs = fixture.nowMs;
    fixture.take();
    fixture.fail('CONNECTION_REFUSED');
    const request = kind === 'file' ? 'revalidate' : 'probe';
    for (const afterMs of [TTL_MS, TTL_MS + NEGATIVE_TTL_MS, STALE_MS]) {
      fixture.nowMs = confirmedAtMs + afterMs;
      t.like(await fixture.get(), { kind });
      t.like(await fixture.get(), { kind }, 'queried again after the negative TTL only');
      t.deepEqual(fixture.take(), [request, 'logged']);
    }
    fixture.nowMs = confirmedAtMs + STALE_MS + NEGATIVE_TTL_MS;
    t.like(await t.throwsAsync(fixture.get()), { code: 'CONNECTION_REFUSED' });
  });
}

// S42
test('stale metadata is served after a failure that leaves open what the source has, and after no other', async (t) => {
  for (const [code, isServed] of [
    ['CONNECTION_REFUSED', true],
    ['TIMEOUT', true],
    ['PROTOCOL', true],
    ['NOT_FOUND', false],
    ['IS_DIRECTORY', false],
    ['ACCESS_DENIED', false],
    ['ADDRESS_REFUSED', false],
    ['INSECURE_REDIRECT', false],
    ['CHANGED', false],
    ['INVALID_REQUEST', false],
    ['NO_CLIENT', false],
  ] as const) {
    const fixture = new Fixture();
    fixture.metadata = async () => DIRECTORY;
    await fixture.get();
    fixture.nowMs += TTL_MS;
    fixture.fail(code);
    const result = await fixture.get().catch((error: unknown) => error);
    t.like(result, isServed ? { kind: 'directory' } : { code }, code);
  }
});

// S62
test('what a probe is denied is invalid: it is not served once the source fails', async (t) => {
  for (const metadata of [file('"1"'), DIRECTORY]) {
    const fixture = new Fixture();
    fixture.metadata = async () => metadata;
    await fixture.get();
    fixture.take();
    if (metadata.kind === 'file') fixture.resource.invalidate();
    fixture.nowMs += TTL_MS;
    fixture.fail('ACCESS_DENIED');
    t.like(await t.throwsAsync(fixture.get()), { code: 'ACCESS_DENIED' });
    t.deepEqual(fixture.take(), ['probe', ...(metadata.kind === 'file' ? ['changed "1"'] : [])]);
    t.is(fixture.table.get(URL)?.lastKnown, undefined);
    fixture.fail('TIMEOUT');
    t.like(await t.throwsAsync(fixture.get()), { code: 'TIMEOUT' });
  }
});

test('a file that is another one, a directory or missing has changed, and is dropped', async (t) => {
  for (const [next, events] of [
    [file('"1"'), ['probe', 'confirmed "1"']],
    [file('"2"'), ['probe', 'changed "1"', 'confirmed "2"']],
    [DIRECTORY, ['probe', 'changed "1"']],
    [undefined, ['probe', 'changed "1"']],
  ] as const) {
    const fixture = new Fixture();
    const { version } = await fixture.file();
    t.false(fixture.resource.isSuperseded(version));
    fixture.resource.invalidate();
    t.true(fixture.resource.isSuperseded(version), 'it may be another one');
    fixture.take();
    fixture.metadata = async () => {
      if (next === undefined) throw new NotFoundError(URL);
      return next;
    };
    await fixture.get().catch(() => undefined);
    t.deepEqual(fixture.take(), events);
    t.is(fixture.resource.isSuperseded(version), events.length > 2 || next?.kind !== 'file');
  }
  const other = new Fixture();
  t.false(other.resource.isSuperseded(versionOf(file('"1"'))), 'no metadata, so none that is newer');
});

test('what a reader learns is kept for its own version only', async (t) => {
  const fixture = new Fixture();
  fixture.metadata = async () => file('"1"', { contentLength: -2 });
  const [version, other] = ['"1"', '"2"'].map((etag) => versionOf(file(etag, { contentLength: -2 })));
  if (version === undefined || other === undefined) return;
  const known = (url = URL): ResourceMetadata | 'missing' | undefined => fixture.table.get(url)?.fresh;
  fixture.table.get(URL)?.learn(version, { size: 7 });
  t.is(known(), undefined);
  await fixture.file();
  fixture.nowMs += 1;
  fixture.table.get(URL)?.learn(other, { size: 8 });
  t.like(known(), { size: undefined });
  fixture.table.get(URL)?.learn(version, { size: 7 });
  t.like(known(), { size: 7 });
  t.is(fixture.table.get(URL)?.ttlLeftMs, TTL_MS - 1);
  fixture.metadata = async () => DIRECTORY;
  await fixture.get(`${URL}/d`);
  fixture.metadata = async () => await Promise.reject(new NotFoundError(URL));
  await t.throwsAsync(fixture.get(`${URL}/m`));
  for (const name of ['d', 'm']) fixture.table.get(`${URL}/${name}`)?.learn(version, { size: 7 });
  t.like(known(`${URL}/d`), { kind: 'directory', lastModifiedMs: undefined });
  t.is(known(`${URL}/m`), 'missing');
});

test('what is forgotten is queried again, and a query that is under way is of no use', async (t) => {
  const fixture = new Fixture();
  await fixture.file();
  const missing = `${URL}/m`;
  fixture.metadata = async () => await Promise.reject(new NotFoundError(URL));
  await t.throwsAsync(fixture.get(missing));
  fixture.metadata = async () => DIRECTORY;
  await fixture.get('other://host');
  fixture.take();
  fixture.table.forget('test:');
  t.deepEqual(fixture.take(), ['changed "1"']);
  t.is(fixture.table.get(URL)?.lastKnown, undefined);
  t.is(fixture.table.get(missing)?.lastKnown, undefined);
  t.like(fixture.table.get('other://host')?.lastKnown, { kind: 'directory' });

  const gate = withResolvers<Metadata>();
  fixture.metadata = async () => await gate.promise;
  const old = fixture.file();
  await nextTurn();
  fixture.table.forget('test:');
  fixture.metadata = async () => file('"2"');
  t.like(await fixture.file(), { version: { validators: { etag: '"2"' } } });
  let isCancelled = false;
  const response = Object.assign(newResponse(Buffer.of()), { cancel: () => (isCancelled = true) });
  gate.resolve(file('"1"', { response }));
  t.like(await old, { version: { validators: { etag: '"1"' } } }, "its caller's, and no other's");
  t.true(isCancelled);
  t.like(await fixture.file(), { version: { validators: { etag: '"2"' } } });
});

function stored(confirmedAtMs: number): ConfirmedFacts {
  const version = versionOf(file('"1"'));
  return {
    confirmedAtMs,
    facts: { version, sizeBytes: 10, lastModifiedMs: undefined, supportRange: true, isPage: true },
  };
}

// S36 S52
test('metadata on disk is fresh for its TTL, stale after it, and never of the future', async (t) => {
  for (const [ageMs, request] of [
    [TTL_MS - 1, []],
    [TTL_MS, ['revalidate', 'confirmed "1"']],
    [-3_600_000, []],
  ] as const) {
    const fixture = new Fixture();
    fixture.newest = async () => stored(fixture.nowMs - ageMs);
    t.like(await fixture.file(), { size: 10, isPage: true });
    t.deepEqual(fixture.take(), request);
    t.is(fixture.table.get(URL)?.lastKind, 'page');
    if (ageMs < 0) t.is(fixture.table.get(URL)?.ttlLeftMs, TTL_MS);
  }
});

// S170
test('what has permissions is queried anew when it is stale, and keeps its version', async (t) => {
  const fixture = new Fixture();
  fixture.metadata = async () => file('"1"', { mode: 0o100_644 });
  t.like(await fixture.file(), { permissions: 0o044 });
  fixture.metadata = async () => file('"1"', { mode: 0o100_755 });
  t.like(await fixture.file(), { permissions: 0o044 });
  fixture.take();
  fixture.nowMs += TTL_MS;
  t.like(await fixture.file(), { permissions: 0o155 });
  t.deepEqual(fixture.take(), ['probe', 'confirmed "1"']);
  fixture.nowMs += TTL_MS;
  fixture.fail('CONNECTION_LOST');
  t.like(await fixture.file(), { permissions: 0o155 });
});

test('a probe says what a listing shows', async (t) => {
  const fixture = new Fixture();
  fixture.listed = 5;
  await fixture.file();
  t.deepEqual(fixture.take().slice(0, 1), ['probe 5']);
});

// S170
test('permissions on disk are those of when it was stored', async (t) => {
  const fixture = new Fixture();
  const { facts } = stored(fixture.nowMs);
  fixture.newest = async () => ({ facts: { ...facts, permissions: 0o044 }, confirmedAtMs: fixture.nowMs });
  fixture.metadata = async () => file('"1"', { mode: 0o755 });
  t.like(await fixture.file(), { permissions: 0o155 });
  const other = new Fixture();
  other.newest = fixture.newest;
  other.fail('CONNECTION_LOST');
  t.like(await other.file(), { permissions: 0o044 }, 'rather than none');
});

test('a mode that is none is passed over', async (t) => {
  for (const mode of [-1, 0.5, Number.NaN, '755' as never, null as never, 2 ** 60]) {
    const fixture = new Fixture();
    fixture.metadata = async () => file('"1"', { mode });
    t.is((await fixture.file()).permissions, undefined);
  }
});

test('what was forgotten while it was looked for on disk is not used', async (t) => {
  const fixture = new Fixture();
  const gate = withResolvers<ConfirmedFacts>();
  fixture.newest = async () => await gate.promise;
  fixture.metadata = async () => file('"2"');
  const metadata = fixture.file();
  await nextTurn();
  fixture.table.forget('test:');
  gate.resolve(stored(fixture.nowMs));
  t.like(await metadata, { version: { validators: { etag: '"2"' } } });
});

// S89
test('a revalidation that its caller gave up counts as none', async (t) => {
  for (const code of ['INTERRUPTED', 'CONNECTION_LOST'] as const) {
    const fixture = new Fixture();
    await fixture.file();
    fixture.nowMs += TTL_MS;
    fixture.take();
    const controller = new AbortController();
    fixture.isExpired = async (_, { signal }) =>
      await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(failure(code))));
    const given = fixture.get(URL, controller.signal);
    await nextTurn();
    controller.abort(failure('INTERRUPTED'));
    t.like(await t.throwsAsync(given), { code: 'INTERRUPTED' });
    await nextTurn();
    t.deepEqual(fixture.take(), ['revalidate'], code);
    t.is(fixture.table.get(URL)?.fresh, undefined);
  }
});

// S45
test('the body of a probe is used if it is the whole, or the first block of a version that ranges continue', async (t) => {
  for (const [metadata, bytes, isUsed] of [
    [file('"1"'), 4, true],
    [file('"1"'), 10, true],
    [file('W/"1"'), 4, false],
    [file('W/"1"'), 10, true],
    [file('"1"', { supportRange: false }), 10, true],
    [DIRECTORY, 4, false],
  ] as const) {
    const fixture = new Fixture();
    let isCancelled = false;
    const response = Object.assign(newResponse(Buffer.alloc(bytes)), { cancel: () => (isCancelled = true) });
    fixture.metadata = async () => ({ ...metadata, response });
    await fixture.get();
    t.is(fixture.events.includes('probed'), isUsed);
    t.is(isCancelled, !isUsed);
  }
});

test('what is invalidated while it is revalidated is probed, and not confirmed', async (t) => {
  const fixture = new Fixture();
  await fixture.file();
  fixture.nowMs += TTL_MS;
  fixture.take();
  fixture.isExpired = async () => {
    fixture.resource.invalidate();
    return false;
  };
  fixture.metadata = async () => file('"2"');
  t.like(await fixture.file(), { version: { validators: { etag: '"2"' } } });
  t.deepEqual(fixture.take(), ['revalidate', 'probe', 'changed "1"', 'confirmed "2"']);
});

test('what is forgotten while it is revalidated is returned to its caller, and to no other', async (t) => {
  for (const code of [undefined, 'TIMEOUT'] as const) {
    const fixture = new Fixture();
    const first = await fixture.file();
    fixture.nowMs += TTL_MS;
    fixture.isExpired = async () => {
      fixture.table.forget('test:');
      if (code !== undefined) throw failure(code);
      return false;
    };
    fixture.take();
    t.is(await fixture.file(), first);
    t.is(fixture.take().includes('probe'), false);
    t.is(fixture.table.get(URL)?.lastKnown, undefined);
  }
});

test('a query that is in flight is kept when others are forgotten, and is void when its own URL is', async (t) => {
  for (const [forget, isKept] of [
    [(fixture: Fixture) => fixture.table.forget('other:'), true],
    [(fixture: Fixture) => fixture.table.expire((url) => url === 'other://host'), true],
    [(fixture: Fixture) => fixture.table.expire((url) => url === URL), false],
  ] as const) {
    const fixture = new Fixture();
    await fixture.file();
    fixture.nowMs += TTL_MS;
    const gate = withResolvers<boolean>();
    fixture.isExpired = async () => await gate.promise;
    const file = fixture.file();
    await nextTurn();
    forget(fixture);
    gate.resolve(false);
    t.like(await file, { size: 10 });
    t.is(fixture.resource.fresh !== undefined, isKept);
  }
});

// S85
test('what is in flight stays, whatever has room, and leaves nothing behind', async (t) => {
  const fixture = new Fixture(1_000);
  const gate = withResolvers<Metadata>();
  fixture.metadata = async () => await gate.promise;
  const file = fixture.file();
  const failing = fixture.get(`${URL}/2`);
  for (let i = 0; i < 10; i += 1) fixture.table.of(`${URL}/other${i}`);
  t.is(fixture.table.get(`${URL}/other0`), undefined);
  const joined = fixture.file();
  gate.reject(failure('TIMEOUT'));
  for (const one of [file, joined, failing]) t.like(await t.throwsAsync(one), { code: 'TIMEOUT' });
  t.is(fixture.events.filter((event) => event === 'probe').length, 2);
  for (const url of [URL, `${URL}/2`]) t.is(fixture.table.get(url), undefined);
  fixture.table.expire(() => true);
  t.is(fixture.budget.usedBytes, 0);
});

test('a query has a signal when its first caller has one, and another caller’s abort does not end it', async (t) => {
  for (const isAbortable of [false, true]) {
    const fixture = new Fixture();
    await fixture.file();
    fixture.nowMs += TTL_MS;
    const gate = withResolvers<boolean>();
    let signal: AbortSignal | undefined;
    fixture.isExpired = async (_, request) => {
      ({ signal } = request);
      return await gate.promise;
    };
    const first = fixture.get(URL, isAbortable ? new AbortController().signal : undefined);
    const second = new AbortController();
    const given = fixture.get(URL, second.signal);
    await nextTurn();
    second.abort(failure('INTERRUPTED'));
    t.like(await t.throwsAsync(given), { code: 'INTERRUPTED' });
    t.is(signal?.aborted, isAbortable ? false : undefined);
    gate.resolve(false);
    t.like(await first, { size: 10 });
  }
});
