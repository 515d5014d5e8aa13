import assert from 'node:assert/strict';

import type { UrlEntry } from '../../../src/source/metadata.js';
import { Request } from '../../../src/source/request.js';
import type { CompleteClient } from '../../../src/source/resource-client.js';
import { pattern } from '../tree.js';
import { assertCode, assertDigest, read, stat } from './reading.js';
import type { Check, TestedSource } from './tested-source.js';

/** Names that some layer might decode, encode, fold or take for syntax. */
export const ODD_NAMES = [
  'a b',
  ' leading',
  'trailing ',
  'a+b',
  '100%',
  '%41',
  '%2F',
  'a%20b',
  'a#b',
  'a?b',
  'a?b=c&d',
  '&amp;',
  '<tag>',
  "it's",
  'double"quote',
  '[x]{y}|^`~',
  'a:b;c,d=e@f!g$h*(i)',
  'back\\slash',
  '.hidden',
  '..dots',
  'dots..',
  '-dash',
  'UPPER',
  'upper',
  'caf\u00e9',
  'cafe\u0301',
  '漢字 🐘',
  'new\nline',
  'tab\there',
  'bell\u0007',
  'x'.repeat(255),
] as const;

const MANY = 2500;
/** Of 100 entries at least, and what comes before the first. */
const MOST_PAGES = 30;

export async function listOf(client: CompleteClient, url: string): Promise<readonly UrlEntry[]> {
  return await client.list(new Request(url));
}

function decodedName({ name }: UrlEntry): string {
  return decodeURIComponent(name);
}

const AT_A_TIME = 16;

export async function putNames(source: TestedSource, names: readonly string[]): Promise<void> {
  if (source.putMany !== undefined) {
    await source.putMany(names);
    return;
  }
  const left = names.values();
  const worker = async (): Promise<void> => {
    for (const name of left) await source.put(name, Buffer.from(name));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

/** Of what `list` returns. */
export const LISTING_CHECKS: readonly Check[] = [
  {
    title: 'lists files and directories of one level',
    needs: ['listing'],
    run: async (_, source) => {
      await source.put('top/file', pattern(10));
      await source.put('top/dir/deep/file', pattern(20));
      await source.put('topmost', pattern(30));
      const entries = await listOf(source.client, source.urlOf('top/'));
      const found = entries.map((entry) => [decodedName(entry), entry.isDir] as const);
      assert.deepEqual(
        found.toSorted(([a], [b]) => (a < b ? -1 : 1)),
        [
          ['dir', true],
          ['file', false],
        ],
      );
      const directory = entries.find(({ isDir }) => isDir);
      const below = await listOf(source.client, directory?.url.href ?? '');
      assert.deepEqual(
        below.map((entry) => [decodedName(entry), entry.isDir]),
        [['deep', true]],
      );
    },
  },
  {
    title: 'lists 2,500 entries, each once',
    needs: ['listing'],
    run: async (_, source) => {
      const names = Array.from({ length: MANY }, (__, index) => `entry ${index}`);
      await putNames(
        source,
        names.map((name) => `many/${name}`),
      );
      const before = source.front?.requests.length ?? 0;
      const entries = await listOf(source.client, source.urlOf('many/'));
      assert.deepEqual(entries.map(decodedName).toSorted(), names.toSorted());
      // By pages, and not by entries.
      const requests = (source.front?.requests.length ?? 0) - before;
      assert.ok(requests <= MOST_PAGES, `${requests} requests`);
      assert.ok(entries.every(({ isDir }) => !isDir));
    },
  },
  {
    title: 'lists exact sizes',
    needs: ['listing', 'listed sizes'],
    run: async (_, source) => {
      const sizes = { empty: 0, small: 7, large: 3_000_001 };
      for (const [name, size] of Object.entries(sizes)) await source.put(`sizes/${name}`, pattern(size));
      const entries = await listOf(source.client, source.urlOf('sizes/'));
      assert.deepEqual(Object.fromEntries(entries.map((entry) => [decodedName(entry), entry.size])), sizes);
      for (const { lastModified, lastModifiedPrecisionMs = 1000 } of entries) {
        const ageMs = Date.now() - (lastModified ?? Date.now());
        assert.ok(ageMs > -120_000 && ageMs < 86_400_000 + lastModifiedPrecisionMs, `${ageMs} ms old`);
      }
    },
  },
  {
    title: 'lists the version that a read then gets',
    needs: ['listing', 'listed versions'],
    run: async (_, source) => {
      const content = pattern(20_000);
      await source.put('dir/file', content);
      const [entry] = await listOf(source.client, source.urlOf('dir/'));
      assert.ok(entry !== undefined && (entry.etag !== undefined || entry.digest !== undefined));
      assertDigest(entry.digest, content);
      const metadata = await stat(source.client, entry.url.href);
      if (entry.etag !== undefined) assert.equal(metadata.etag, entry.etag);
      if (metadata.digest?.algorithm === entry.digest?.algorithm) {
        assert.deepEqual(metadata.digest, entry.digest);
      }
      const pin = { ...(entry.etag === undefined ? {} : { etag: entry.etag }), contentLength: 20_000 };
      assert.equal((await read(source.client, entry.url.href, { pin })).byteLength, 20_000);
    },
  },
  {
    title: 'has the permissions of files, in listings as without one, also where they alone change',
    needs: ['listing', 'modes'],
    run: async (_, source) => {
      const modes: Record<string, number> = { script: 0o755, text: 0o644, 'an own': 0o600 };
      for (const [name, mode] of Object.entries(modes)) {
        await source.put(`modes/${name}`, pattern(10));
        await source.chmod?.(`modes/${name}`, mode);
      }
      await source.put('modes/dir/file', pattern(10));
      await source.chmod?.('modes/dir', 0o750);
      const url = source.urlOf('modes/text');
      const { etag } = await stat(source.client, url);
      for (const mode of [0o644, 0o755]) {
        modes['text'] = mode;
        await source.chmod?.('modes/text', mode);
        const entries = await listOf(source.client, source.urlOf('modes/'));
        const listed = entries.filter(({ isDir }) => !isDir).map((entry) => [decodedName(entry), entry.mode]);
        assert.deepEqual(Object.fromEntries(listed), modes);
        for (const entry of entries) {
          assert.equal((await stat(source.client, entry.url.href)).mode, entry.mode, entry.name);
          if (entry.isDir && entry.mode !== undefined) assert.equal(entry.mode, 0o750);
        }
      }
      assert.equal((await stat(source.client, url)).etag, etag);
    },
  },
  {
    title: 'lists odd names, and opens them',
    needs: ['listing'],
    run: async (_, source) => {
      const names = ODD_NAMES.filter((name) => source.canPut?.(name) ?? true);
      await putNames(
        source,
        names.map((name) => `odd/${name}`),
      );
      const entries = await listOf(source.client, source.urlOf('odd/'));
      assert.deepEqual(entries.map(decodedName).toSorted(), names.toSorted());
      for (const entry of entries) {
        const name = decodedName(entry);
        assert.ok(entry.url.href.endsWith(`/${entry.name}`), entry.url.href);
        for (const url of [entry.url.href, source.urlOf(`odd/${name}`)]) {
          assert.equal((await read(source.client, url)).toString(), `odd/${name}`, url);
          assert.equal((await stat(source.client, url)).kind, 'file', url);
        }
      }
    },
  },
  {
    title: 'lists directories with odd names, and what is below them',
    needs: ['listing'],
    run: async (_, source) => {
      const names = ODD_NAMES.filter((name) => source.canPut?.(name) ?? true);
      await putNames(
        source,
        names.map((name) => `odd/${name}/file`),
      );
      const entries = await listOf(source.client, source.urlOf('odd/'));
      assert.deepEqual(entries.map(decodedName).toSorted(), names.toSorted());
      for (const entry of entries) {
        assert.ok(entry.isDir, entry.name);
        for (const url of [entry.url.href, source.urlOf(`odd/${decodedName(entry)}/`)]) {
          assert.deepEqual((await listOf(source.client, url)).map(decodedName), ['file'], url);
        }
      }
    },
  },
  {
    title: 'lists what can be named beside keys that cannot',
    needs: ['listing', 'flat keys'],
    run: async (_, source) => {
      for (const name of ['good', '/empty', './dot', '../up', 'end/', 'deep//x', 'deep/y']) {
        await source.put(`flat/${name}`, pattern(3));
      }
      const named = (entries: readonly UrlEntry[]): string[] =>
        entries
          .map(decodedName)
          .filter((name) => !['', '.', '..'].includes(name))
          .toSorted();
      assert.deepEqual(named(await listOf(source.client, source.urlOf('flat/'))), ['deep', 'end', 'good']);
      assert.deepEqual(named(await listOf(source.client, source.urlOf('flat/deep/'))), ['y']);
      assert.deepEqual(named(await listOf(source.client, source.urlOf('flat/end/'))), []);
    },
  },
  {
    title: 'knows files from directories',
    needs: ['listing', 'hierarchy'],
    run: async (_, source) => {
      await source.put('top/dir/file', pattern(10));
      for (const url of [source.urlOf('top/dir/'), source.urlOf('top/dir/').replace(/\/$/, '')]) {
        assert.equal((await stat(source.client, url)).kind, 'directory', url);
      }
      await assertCode(
        read(source.client, source.urlOf('top/dir/').replace(/\/$/, '')),
        'IS_DIRECTORY',
        'NOT_FOUND',
      );
      assert.equal((await stat(source.client, source.urlOf('top/dir/file'))).kind, 'file');
      await assertCode(stat(source.client, source.urlOf('top/none/')), 'NOT_FOUND');
      await assertCode(stat(source.client, source.urlOf('top/di')), 'NOT_FOUND');
    },
  },
  {
    title: 'lists nothing where there is no directory',
    needs: ['listing'],
    run: async (_, source) => {
      await source.put('dir/file', pattern(10));
      const listing = listOf(source.client, source.urlOf('none/'));
      const outcome = await listing.catch((error: unknown) => error);
      if (Array.isArray(outcome)) assert.deepEqual(outcome, []);
      else await assertCode(listing, 'NOT_FOUND');
    },
  },
];
