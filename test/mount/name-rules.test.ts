/** Each rule of `NameResolver` alone; what follows from them for system calls is in name-resolver.test.ts. */
import { memoryListing } from '../support/memory-listing.js';
import test from 'ava';

import type { FileStat, ResourceCache, ResourceStat } from '../../src/cache/resource-cache.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { NameResolver } from '../../src/mount/name-resolver.js';
import { ResourcePath } from '../../src/mount/resource-path.js';
import { UsedNames } from '../../src/mount/used-names.js';
import { SourceError, type SourceErrorCode } from '../../src/source/index.js';

const FILE = { kind: 'file', size: 1, lastModifiedPrecisionMs: 1 } as FileStat;
const STATS = new Map<string, ResourceStat>([
  ['file', FILE],
  ['page', { ...FILE, isPage: true }],
  ['directory', { kind: 'directory', lastModifiedMs: undefined }],
]);
const [BASE, BUDGET] = ['http://h/d/', MetadataBudget.beside(0)];
const [ME, OTHER] = [{ id: 1 }, { id: 2 }];
const at = (name: string): ResourcePath => ResourcePath.ofHost('http', 'h').child('d').child(name);

/** `facts`: what the source answers (`source NAME`, of a listing `NAME/`), and what is cached. Results end with the requests. */
class Directory {
  readonly facts = new Map<string, string>();
  readonly used = new UsedNames(BUDGET);
  nowMs = 0;
  readonly #requests: string[] = [];
  readonly #cache: Partial<ResourceCache> = {
    peek: (url) => {
      const [listed, cached] = [this.#fact('listed', url), this.#fact('cached', url)];
      const found = listed ?? cached;
      if (found === undefined) return undefined;
      return { stat: STATS.get(found) ?? (found as 'missing'), isListed: listed !== undefined, ttlMs: 9 };
    },
    ttlLeftMs: (url) => this.#cache.peek?.(url)?.ttlMs ?? 0,
    lastKind: (url) => this.#fact('lastKind', url) as 'file' | undefined,
    wasListed: (url) => this.#fact('index', url) !== undefined,
    listingTtlMs: (url) => (this.#fact('index', url) === undefined ? 0 : 7_000),
    stat: (url) => this.#answer(url, '', 'NOT_FOUND'),
    openListing: (url) => this.#answer(`${url}/`, '', 'file').then(() => memoryListing([])),
    prefetchListing: (url) => this.#answer(`${url}/`, 'background', 'file').then(() => undefined),
  };
  readonly names = new NameResolver(this.#cache as ResourceCache, this.used, () => this.nowMs, BUDGET);

  #fact = (kind: string, url: string): string | undefined =>
    this.facts.get(`${kind} ${url.slice(BASE.length)}`);
  async #answer(url: string, suffix: string, otherwise: string): Promise<ResourceStat> {
    this.#requests.push(url.slice(BASE.length) + suffix);
    const found = this.#fact('source', url) ?? otherwise;
    const stat = STATS.get(found);
    if (stat !== undefined) return await Promise.resolve(stat);
    throw new SourceError(found as SourceErrorCode, '', BASE);
  }
  async #result(work: Promise<string>): Promise<string> {
    const found = await work.catch((error: { code: string; ttlMs?: number }) =>
      error.ttlMs === undefined ? error.code : `missing ${error.ttlMs}`,
    );
    return [found, ...this.#requests.splice(0)].join(', ');
  }
  lookup(name: string, caller = ME): Promise<string> {
    const lookup = async (): Promise<string> => {
      const { stat, ttlMs } = await this.names.lookup(at(name), caller);
      return `${stat === 'unknown' ? stat : stat.kind} ${ttlMs}`;
    };
    return this.#result(lookup());
  }
  use = (name: string, caller = ME, isUnknown = true): Promise<string> =>
    this.#result(this.names.statLastName(at(name), isUnknown, caller).then(({ kind }) => kind));
  enter = (name: string): Promise<string> =>
    this.#result(this.names.checkDirectory(at(name), ME).then(() => 'directory'));
}

const rows = (table: string): string[][] =>
  Array.from(table.trim().split('\n'), (line) => Array.from(line.split('|'), (cell) => cell.trim()));

/** What is known, the name, the result, and what the directory then shows. */
const LOOKUPS = `
  source n=file                                | n     | unknown 0
  source n.bin=file                            | n.bin | file 0, n.bin     | n.bin
  source n.js=directory                        | n.js  | directory 0, n.js | n.js
  cached n=file                                | n     | file 9
  cached n=page, lastKind n=file               | n     | file 9
  cached n=file, index n=1                     | n     | unknown 7000
  listed n=file, source n=file                 | n     | file 9
  listed n=unknown-file, source n=file         | n     | file 9, n
  listed n=directory                           | n     | directory 9
  cached n?q=page, source n?q=page             | n?q   | file 0
  index =1                                     | n     | missing 0, n
  index =1, source n=file                      | n     | file 0, n         | n
  lastKind n=file, source n=TIMEOUT            | n     | TIMEOUT, n`;
for (const [state = '', name = '', expected = '', shown = ''] of rows(LOOKUPS)) {
  test(`LOOKUP of ${name}: ${state}`, async (t) => {
    const d = new Directory();
    for (const fact of state.split(', ')) d.facts.set(...(fact.split('=') as [string, string]));
    t.is(await d.lookup(name), expected);
    t.is(d.used.in('http://h/d', undefined).join(), shown);
  });
}

test('a directory that was used is kept for a second by the kernel, also without a listing', async (t) => {
  const d = new Directory();
  t.is(await d.lookup('n'), 'unknown 0');
  d.used.addDirectory(at('n').url);
  t.is(await d.lookup('n'), 'unknown 1000');
});

const CHDIRS = `
  file      |           | RETRY_LOOKUP, n
  page      |           | directory, n
  TIMEOUT   |           | TIMEOUT, n
  ${'IS_DIRECTORY ACCESS_DENIED INSECURE_REDIRECT NETWORK_UNREACHABLE PROTOCOL UNEXPECTED_STATUS INVALID_REQUEST LIST_NOT_SUPPORTED'
    .split(' ')
    .join(' | | directory, n\n')} | | directory, n
  NOT_FOUND |           | directory, n, n/
  NOT_FOUND | PROTOCOL  | directory, n, n/
  NOT_FOUND | NOT_FOUND | NOT_FOUND, n, n/
  NOT_FOUND | TIMEOUT   | TIMEOUT, n, n/`;
for (const [answer = '', listing = '', expected = ''] of rows(CHDIRS)) {
  test(`chdir(2) to an unknown name: ${answer} ${listing}`, async (t) => {
    const d = new Directory();
    d.facts.set('source n', answer).set('source n/', listing || 'file');
    t.is(await d.enter('n'), expected);
    t.is((await d.enter('n')) === 'directory', expected.startsWith('directory'), 'it is one from now on');
  });
}

test('a failed LOOKUP is the failure of the next use; a file is retried by its caller; a denial leaves a directory', async (t) => {
  const d = new Directory();
  d.facts.set('source n.bin', 'TIMEOUT').set('source n', 'page').set('source m.bin', 'PROTOCOL');
  for (const expected of ['TIMEOUT', 'TIMEOUT, n.bin']) {
    await d.lookup('n.bin');
    t.is(await d.use('n.bin', expected === 'TIMEOUT' ? ME : OTHER), expected);
  }
  t.throws(() => d.names.checkLookup(at('n.bin'), ME), { code: 'TIMEOUT' });
  await d.lookup('m.bin');
  d.names.checkLookup(at('m.bin'), ME);
  t.is(await d.enter('m.bin'), 'directory', 'kept for an empty listing');
  t.is(await d.use('n', ME, false), 'file, n', 'it was looked up as one');
  t.is(await d.use('n'), 'RETRY_LOOKUP, n');
  t.deepEqual([await d.lookup('n', OTHER), await d.lookup('n')], ['unknown 0', 'file 0, n']);
  await d.lookup('m');
  t.is(await d.lookup('n'), 'unknown 0', 'the caller went on to another name');
  await d.use('n');
  d.used.addDirectory(`${BASE}n`);
  t.is(await d.use('n'), 'directory, n', 'without a LOOKUP between, it is the working directory');
  d.facts.set('source n', 'ACCESS_DENIED');
  t.deepEqual([await d.use('n'), await d.use('n', ME, false)], ['directory, n', 'ACCESS_DENIED, n']);
  d.facts.set('source n', 'TIMEOUT');
  t.is(await d.use('n'), 'TIMEOUT, n');
});

test('the fourth queried file lists the directory, once a minute; after three guesses a 404 is final', async (t) => {
  const d = new Directory();
  for (let i = 0; i < 15; i += 1) {
    if (i === 8) d.nowMs += 60_000;
    d.facts.set(`source ${i}.bin`, 'file').set(`lastKind ${i}.bin`, i >= 7 && i < 11 ? 'file' : '');
    t.is(await d.lookup(`${i}.bin`), `file 0, ${i}.bin${i === 3 || i === 14 ? ', background' : ''}`);
  }
  for (const name of ['a', 'b', 'c', 'a', 'b', 'c'])
    t.is(await d.lookup(name), 'unknown 0', await d.use('a'));
  for (const name of ['a', 'b', 'c']) await d.lookup(name);
  t.deepEqual([await d.lookup('e', OTHER), await d.lookup('e')], ['unknown 0', 'missing 0, e']);
});
