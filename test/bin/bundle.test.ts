import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import test from 'ava';

import { CLI } from '../support/run.js';

interface Loaded {
  readonly packages: Set<string>;
  /** Of this tree, as esbuild names them. */
  readonly modules: Set<string>;
}

/** What a file of the bundle loads before it runs, itself or through other files. */
async function loadedBy(
  file: string,
  seen = new Set<string>(),
  loaded: Loaded = { packages: new Set(), modules: new Set() },
): Promise<Loaded> {
  if (seen.has(file)) return loaded;
  seen.add(file);
  const text = await readFile(file, 'utf8');
  for (const [, module = ''] of text.matchAll(/^\/\/ (\S+\.ts)$/gm)) loaded.modules.add(module);
  for (const [, name = ''] of text.matchAll(/^(?:import|\} from|import [^;]* from) "([^"]+)";$/gm)) {
    if (name.startsWith('.')) await loadedBy(join(dirname(file), name), seen, loaded);
    else if (!name.startsWith('node:')) loaded.packages.add(name);
  }
  return loaded;
}

test('the command loads no package until it knows what to do', async (t) => {
  t.deepEqual([...(await loadedBy(CLI)).packages], []);
});

test('a mount loads two small packages before it starts, and not those of plugins and the command line', async (t) => {
  const { packages } = await loadedBy(join(dirname(CLI), 'background.js'));
  t.deepEqual([...packages].toSorted(), ['lru-cache', 'xxhash-wasm']);
});

test('a mount loads the code of no source before that is used', async (t) => {
  const { modules } = await loadedBy(join(dirname(CLI), 'background.js'));
  t.true(modules.has('src/source/in-tree.ts'));
  const code =
    /^src\/source\/(?:dfs\/|http\/http-client|schemes\/.*\/(?:create-|[^/]*-(?:client|listing|signer)))/;
  t.deepEqual(
    [...modules].filter((module) => code.test(module)),
    [],
  );
});
