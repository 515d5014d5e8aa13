/** What the documents refer to is there: other documents, their headings, files of the tree, names in the code. */
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import test from 'ava';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CODE = ['bench', 'bin', 'src', 'test'];

async function filesIn(directory: string, ending: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, directory), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name));
}

async function documents(): Promise<string[]> {
  const top = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].map((name) => join(ROOT, name));
  return [...top, ...(await filesIn('docs', '.md'))];
}

/** As GitHub names the headings of a document. */
function anchorsOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```.*?^```$/gms, '');
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('every link between documents leads to a file and to a heading in it', async (t) => {
  for (const document of await documents()) {
    const text = await readFile(document, 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#', 2);
      const file = path === '' ? document : join(dirname(document), path);
      const where = `${relative(ROOT, document)}: ${target}`;
      await t.notThrowsAsync(access(file), where);
      if (anchor !== undefined) t.true(anchorsOf(await readFile(file, 'utf8')).includes(anchor), where);
    }
  }
});

test('every file that a document names is in the tree', async (t) => {
  const names = new Set((await Promise.all(CODE.map((part) => filesIn(part, '')))).flat());
  const isThere = (name: string): boolean => [...names].some((path) => path.endsWith(`/${name}`));
  for (const document of await documents()) {
    if (document.endsWith('CHANGELOG.md')) continue;
    const text = await readFile(document, 'utf8');
    for (const [, path = ''] of text.matchAll(/`((?:bench|bin|docs|src|test)\/[\w/-]+(?:\.[\w.-]+|\/))`/g)) {
      await t.notThrowsAsync(access(join(ROOT, path)), `${relative(ROOT, document)}: ${path}`);
    }
    for (const [, name = ''] of text.matchAll(/`([a-z][a-z0-9-]*\.ts)`/g)) {
      t.true(isThere(name), `${relative(ROOT, document)}: ${name}`);
    }
  }
});

test('every class and function that docs/ARCHITECTURE.md names is in the code', async (t) => {
  const files = await Promise.all(['bin', 'src'].map((part) => filesIn(part, '.ts')));
  const code = (await Promise.all(files.flat().map((file) => readFile(file, 'utf8')))).join('\n');
  const text = await readFile(join(ROOT, 'docs', 'ARCHITECTURE.md'), 'utf8');
  for (const [, name = ''] of text.matchAll(/`([A-Z][a-z]+\w*|[a-z]+[A-Z]\w*)(?:\.\w+)?(?:\(\))?`/g)) {
    t.true(new RegExp(`\\b${name}\\b`).test(code), name);
  }
});

test('every test that docs/SECURITY.md names is there, and every statement that needs one has one', async (t) => {
  const text = await readFile(join(ROOT, 'docs', 'SECURITY.md'), 'utf8');
  const rows = [...text.matchAll(/^\| (\d+) \| `(.+)` \| "(.+)" \|$/gm)];
  for (const [, , file = '', title = ''] of rows) {
    const tests = await readFile(join(ROOT, file), 'utf8');
    t.true(tests.includes(title), `${file}: ${title}`);
  }
  const cited = new Set([...text.matchAll(/ \[(\d+)\]/g)].map(([, number]) => number));
  const numbers = new Set(rows.map(([, number]) => number));
  for (const number of cited) t.true(numbers.has(number), `there is no test [${number}]`);
  for (const number of numbers) t.true(cited.has(number), `nothing cites test [${number}]`);
});
