import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run, shell } from './run.js';

const BOUNDARIES = [64 * 1024, 128 * 1024, 1024 * 1024];

const DATABASE = `
import random, sqlite3, sys
random.seed(7)
db = sqlite3.connect(sys.argv[1])
db.execute('create table t (id integer primary key, k text, v blob)')
db.executemany('insert into t (k, v) values (?, ?)',
               ((str(random.random()), random.randbytes(1000)) for _ in range(30000)))
db.execute('create index i on t (k)')
db.commit()
`;

const ARCHIVES = `
import sys, tarfile, zipfile
root, source = sys.argv[1:]
with zipfile.ZipFile(root + '/archive.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.write(source, 'inner/source')
with tarfile.open(root + '/archive.tar.gz', 'w:gz', compresslevel=1) as t: t.add(source, 'inner/source')
`;

const DEBIAN_PACKAGE = `
set -e; work=$(mktemp -d); mkdir -p "$work/DEBIAN" "$work/opt"; chmod 755 "$work"; cp "$2" "$work/opt/program"
printf 'Package: example\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n' > "$work/DEBIAN/control"
dpkg-deb -Znone --build "$work" "$1/example.deb"; rm -r "$work"
`;

/** A tree of real files: database, archives, a large binary, sizes at block edges, names that need care. */
export async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, 'nested', 'déjà vu', 'deep'), { recursive: true });
  const database = await run('python3', ['-c', DATABASE, join(root, 'data.sqlite')]);
  if (database.code !== 0) throw new Error(database.stderr);
  const archives = await run('python3', ['-c', ARCHIVES, root, process.execPath.replace(/node$/, 'node')]);
  if (archives.code !== 0) throw new Error(archives.stderr);
  await copyFile(process.execPath, join(root, 'large.bin'));
  const built = await shell(DEBIAN_PACKAGE, root, process.execPath);
  if (built.code !== 0) throw new Error(built.stderr);
  await writeFile(join(root, 'empty'), '');
  await writeFile(join(root, 'one'), '1');
  for (const size of BOUNDARIES.flatMap((bytes) => [bytes - 1, bytes, bytes + 1])) {
    await writeFile(join(root, 'nested', `${size}.bin`), pattern(size));
  }
  const names = [
    'with space.txt',
    '100%.txt',
    'hash#tag',
    'a+b&c=d;e',
    "it's",
    'über 日本語 🐘',
    '[brackets]^`{}|~',
  ];
  for (const name of names)
    await writeFile(join(root, 'nested', 'déjà vu', 'deep', name), `content of ${name}`);
}

/** Bytes that differ at every offset within 64 KiB, so that a shift shows. A longer one begins with a shorter one. */
export function pattern(bytes: number): Buffer {
  if (longest.byteLength < bytes) longest = computed(bytes);
  return Buffer.from(longest.subarray(0, bytes));
}

/** Computing takes a hundred times as long as copying. */
let longest: Buffer = Buffer.alloc(0);

function computed(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  let state = 12_345;
  for (let i = 0; i < bytes; i += 1) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    buffer[i] = state >>> 16;
  }
  return buffer;
}
