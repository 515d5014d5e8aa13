import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { bytesOfText, percentDecoded, textOfBytes } from '../../src/source/byte-text.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import type { UrlEntry } from '../../src/source/index.js';
import { Request } from '../../src/source/request.js';
import { bytesOf } from './drained.js';
import { temporaryDirectory } from './temp.js';

/** Of which servers make links, escaped in one way or another. */
const NAMES = [
  'plain.txt',
  'with space.txt',
  'quo"te.txt',
  "it's.txt",
  '100%.txt',
  'a&b.txt',
  'a&amp;b.txt',
  'hash#tag.txt',
  'what?.txt',
  'naïve-日本.txt',
  '<b>x.txt',
  'a;b=c.txt',
  'plus+.txt',
  'back\\slash.txt',
  'co:lon.txt',
  'tilde~.txt',
  'x%20y.txt',
  'index of names.txt',
  '#',
  '?',
  `${'long'.repeat(30)}.bin`,
];

/** A directory with names that a page has to escape, files of several sizes and times, and directories; and one below it. */
export async function makeIndexedTree(t: ExecutionContext, without: readonly string[] = []): Promise<string> {
  const root = await temporaryDirectory(t);
  const below = join(root, 'sub dir&x');
  await mkdir(below);
  await mkdir(join(root, 'empty'));
  for (const directory of [root, below]) {
    await Promise.all(
      NAMES.filter((name) => !without.includes(name)).map(async (name, i) => {
        const path = join(directory, name);
        await writeFile(path, `${name} `.repeat(i * i + 1));
        await utimes(path, 1_700_000_000 + i * 86_401, 1_700_000_000 + i * 86_401);
      }),
    );
    await writeFile(join(directory, 'zero'), '');
  }
  await symlink('plain.txt', join(root, 'link'));
  await symlink('empty', join(root, 'link to a directory'));
  return root;
}

/** What a server's pages should have beside the names. */
export interface IndexFacts {
  readonly sizes?: 'all' | 'some' | 'none';
  readonly times?: boolean;
  /** What the server leaves out. */
  readonly without?: readonly string[];
  /** Which directories it shows as files. */
  readonly asFiles?: readonly string[];
}

/** Compares the listings of the tree, and what its links lead to, with the tree. */
export async function checkIndex(
  t: ExecutionContext,
  origin: string,
  root: string,
  facts: IndexFacts = {},
): Promise<void> {
  const client = createHttpClient();
  t.teardown(() => client.close());
  const list = async (url: URL): Promise<readonly UrlEntry[]> => await client.list(new Request(url));
  const checkDirectory = async (url: URL, directory: string): Promise<void> => {
    const entries = await list(url);
    const { without = [], asFiles = [], sizes = 'none', times = false } = facts;
    const names = (await readdir(directory, { encoding: 'buffer' })).map((name) => textOfBytes(name));
    t.deepEqual(
      entries.map(({ name }) => percentDecoded(name)).toSorted(),
      names.filter((name) => !without.includes(name)).toSorted(),
      directory,
    );
    for (const entry of entries) {
      const name = percentDecoded(entry.name);
      const path = join(directory, name);
      const stats = await stat(bytesOfText(path));
      t.is(entry.isDir, stats.isDirectory() && !asFiles.includes(name), name);
      if (stats.isDirectory()) continue;
      const content = await bytesOf(await client.download(new Request(entry.url)));
      t.true(content.equals(await readFile(bytesOfText(path))), name);
      if (entry.size !== undefined) t.is(entry.size, stats.size, name);
      else t.not(sizes, 'all', name);
      if (!times) t.is(entry.lastModified, undefined, name);
      else if (name !== 'link') checkTime(t, entry, stats.mtimeMs);
    }
    const withSizes = entries.filter(({ size }) => size !== undefined).length;
    t.is(withSizes > 0, sizes !== 'none', `${withSizes} sizes`);
  };
  await checkDirectory(new URL(`${origin}/`), root);
  const below = (await list(new URL(`${origin}/`))).find(({ name }) => percentDecoded(name) === 'sub dir&x');
  t.truthy(below);
  if (below !== undefined) await checkDirectory(below.url, join(root, 'sub dir&x'));
}

function checkTime(t: ExecutionContext, entry: UrlEntry, mtimeMs: number): void {
  const { lastModified, lastModifiedPrecisionMs = 1_000, name } = entry;
  t.is(lastModified, mtimeMs - (mtimeMs % lastModifiedPrecisionMs), name);
}
