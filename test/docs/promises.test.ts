/** The promises of docs/SEMANTICS.md are numbered, and each is cited by a test: `// S1 S2` above it. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import test from 'ava';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Which file cites each number; the last one that does. */
async function citations(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries = await readdir(join(ROOT, 'test'), { recursive: true, withFileTypes: true });
  for (const entry of entries.filter(({ name }) => name.endsWith('.test.ts'))) {
    const path = join(entry.parentPath, entry.name);
    for (const [comment] of (await readFile(path, 'utf8')).matchAll(/^ *\/\/(?: S\d+)+$/gm)) {
      for (const number of comment.match(/S\d+/g) ?? []) found.set(number, relative(ROOT, path));
    }
  }
  return found;
}

test('every promise has a number of its own, and a test cites it', async (t) => {
  const text = await readFile(join(ROOT, 'docs', 'SEMANTICS.md'), 'utf8');
  const promises = [...text.matchAll(/^- \*\*(S\d+)\*\* /gm)].map(([, number = '']) => number);
  t.true(promises.length > 0);
  t.is(new Set(promises).size, promises.length, 'a number stands for one promise');
  const cited = await citations();
  for (const number of promises) t.true(cited.has(number), `no test cites ${number}`);
  for (const [number, file] of cited) t.true(promises.includes(number), `${file} cites ${number}`);
});
