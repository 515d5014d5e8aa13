/** A tree of files, and real programs that compare a mounted copy with it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { run, shell } from './run.js';
import { temporaryDirectory } from './temp.js';
import { pattern } from './tree.js';

const DATABASE = `
import random, sqlite3, sys
random.seed(7)
db = sqlite3.connect(sys.argv[1])
db.execute('create table t (id integer primary key, k text, v blob)')
db.executemany('insert into t (k, v) values (?, ?)', ((str(random.random()), random.randbytes(500)) for _ in range(5000)))
db.execute('create index i on t (k)')
db.commit()
`;

/** As readers of tensors do: the header, then the parts that it names, in any order. */
const RANDOM_READS = `
import mmap, random, sys
mounted, original = sys.argv[1:]
random.seed(11)
with open(mounted, 'rb') as f, open(original, 'rb') as g:
    a, b = (mmap.mmap(h.fileno(), 0, access=mmap.ACCESS_READ) for h in (f, g))
    assert len(a) == len(b)
    for _ in range(100):
        at = random.randrange(len(a)); n = random.randrange(1, 9000)
        assert a[at:at + n] == b[at:at + n], at
print('same')
`;

const ODD_NAMES = [
  'with space',
  '100%',
  'hash#tag',
  'a+b&c=d;e',
  "it's",
  'a?b',
  'über 日本語 🐘',
  '[b]^`{}|~',
];

/** Files that real programs read: a database, large and empty ones, odd names in nested directories. */
export async function makeOriginal(t: ExecutionContext): Promise<string> {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'nested', 'déjà vu', 'deep'), { recursive: true });
  t.is((await run('python3', ['-c', DATABASE, join(root, 'data.sqlite')])).code, 0);
  await writeFile(join(root, 'large.bin'), pattern(5_000_001));
  await writeFile(join(root, 'empty'), '');
  for (const name of ODD_NAMES) {
    await writeFile(join(root, 'nested', 'déjà vu', 'deep', name), `content of ${name}`);
  }
  return root;
}

/** `tree`: where the copy is mounted. */
export async function readsAsOriginal(t: ExecutionContext, tree: string, root: string): Promise<void> {
  const sums = join(await temporaryDirectory(t), 'sums');
  await ok(t, 'cd "$1" && find . -type f -exec sha256sum {} + > "$2"', root, sums);
  await ok(t, 'diff -r "$1" "$2"', root, tree);
  await ok(t, 'cd "$1" && sha256sum --quiet -c "$2"', tree, sums);
  t.is(await ok(t, 'rsync -rnc --out-format=%n "$1/" "$2/" | grep -v "/$"; true', tree, root), '');
  t.is(await ok(t, 'sqlite3 "file:$1/data.sqlite?immutable=1" "pragma integrity_check"', tree), 'ok\n');
  const random = await run('python3', ['-c', RANDOM_READS, `${tree}/large.bin`, `${root}/large.bin`]);
  t.is(random.stdout, 'same\n', random.stderr);
}

/** Runs a script that must succeed, and returns what it printed. */
export async function ok(t: ExecutionContext, script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await shell(script, ...args);
  t.is(code, 0, `${script}: ${stdout}${stderr}`);
  return stdout;
}

/** The path of a configuration file with these rules. */
export async function configFile(t: ExecutionContext, ...sources: readonly unknown[]): Promise<string> {
  const file = join(await temporaryDirectory(t), 'config.yaml');
  await writeFile(file, JSON.stringify({ sources }), { mode: 0o600 });
  return file;
}
