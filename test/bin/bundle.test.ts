import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import test from 'ava';

import { CLI } from '../support/run.js';

/** The packages that a file of the bundle loads before it runs, itself or through other files. */
async function packagesOf(file: string, seen = new Set<string>()): Promise<string[]> {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = await readFile(file, 'utf8');
  const names = [...text.matchAll(/^(?:import|\} from|import [^;]* from) "([^"]+)";$/gm)].map(
    ([, name = '']) => name,
  );
  const found = await Promise.all(
    names.map(async (name) =>
      name.startsWith('.') ? await packagesOf(join(dirname(file), name), seen) : [name],
    ),
  );
  return [...new Set(found.flat())].filter((name) => !name.startsWith('node:')).toSorted();
}

test('the command loads no package until it knows what to do', async (t) => {
  t.deepEqual(await packagesOf(CLI), []);
});

test('a mount loads two small packages before it starts, and not those of plugins and the command line', async (t) => {
  t.deepEqual(await packagesOf(join(dirname(CLI), 'background.js')), ['lru-cache', 'xxhash-wasm']);
});
