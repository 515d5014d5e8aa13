import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { DEFAULT_CACHE_OPTIONS } from '../../src/cache/cache-options.js';
import { sentAgain, sentBytes, sentRanges } from '../support/access-log.js';
import { onDevFuse, run, shell, unmount } from '../support/mounted.js';
import { type Nginx, startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

const BLOCK_BYTES = DEFAULT_CACHE_OPTIONS.blockBytes;
const FILE_BYTES = 64 * 1024 * 1024 + 777;

/** Reads 4 KiB at random offsets past the page cache, and compares. */
const RANDOM_READS = `
import mmap, os, random, sys
mounted, original, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
random.seed(5)
m, o = os.open(mounted, os.O_RDONLY | os.O_DIRECT), os.open(original, os.O_RDONLY)
buffer = mmap.mmap(-1, 4096)
for _ in range(count):
    at = random.randrange(os.fstat(o).st_size // 4096) * 4096
    n = os.preadv(m, [buffer], at)
    assert buffer[:n] == os.pread(o, 4096, at), at
print('same')
`;

interface Site {
  readonly nginx: Nginx;
  readonly original: string;
  /** Below the mount. */
  readonly path: string;
  readonly cache: string;
}

async function site(t: ExecutionContext): Promise<Site> {
  const root = await temporaryDirectory(t);
  const original = join(root, 'file.bin');
  await shell('head -c "$2" /dev/urandom > "$1"', original, String(FILE_BYTES));
  const nginx = await startNginx(t, { root });
  return { nginx, original, path: `http/${nginx.host}/file.bin`, cache: await temporaryDirectory(t) };
}

async function same(t: ExecutionContext, file: string, original: string): Promise<void> {
  const { code, stdout, stderr } = await run('cmp', [file, original]);
  t.is(code, 0, stdout + stderr);
}

async function readRandomly(
  t: ExecutionContext,
  file: string,
  original: string,
  count: number,
): Promise<void> {
  const { stdout, stderr } = await run('python3', ['-c', RANDOM_READS, file, original, String(count)]);
  t.is(stdout, 'same\n', stderr);
}

onDevFuse('random reads fetch each block once, and nothing when they are repeated', async (t, mount) => {
  const { nginx, original, path } = await site(t);
  const file = join(await mount(), path);
  await readRandomly(t, file, original, 600);
  const sent = sentRanges(await nginx.accessLog(), '/file.bin');
  t.is(sentAgain(sent), 0);
  // Of a region that is read again and again the rest comes along.
  t.true(sentBytes(sent) <= 600 * 64 * 1024, `${sentBytes(sent)} bytes for 600 reads`);
  await readRandomly(t, file, original, 600);
  t.is((await nginx.accessLog()).length, sent.length, 'no request more');
});

onDevFuse('blocks that were stored are not requested after a remount', async (t, mount) => {
  const { nginx, original, path, cache } = await site(t);
  const first = await mount('--cache-dir', cache);
  await readRandomly(t, join(first, path), original, 300);
  await unmount(t, first);
  const before = sentRanges(await nginx.accessLog(), '/file.bin');

  const second = join(await mount('--cache-dir', cache), path);
  await readRandomly(t, second, original, 300);
  t.is((await nginx.accessLog()).length, before.length, 'what was read is on disk');
  await same(t, second, original);
  const sent = sentRanges(await nginx.accessLog(), '/file.bin');
  t.is(sentAgain(sent), 0);
  t.is(sentBytes(sent), FILE_BYTES, 'the rest is fetched around it');
});

onDevFuse('five hundred small files, read in parallel, are one request each', async (t, mount) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'small'));
  const names = Array.from({ length: 500 }, (_, i) => `/small/${i}.txt`);
  for (const name of names) await writeFile(join(root, name), `content of ${name}\n`.repeat(50));
  const nginx = await startNginx(t, { root });
  const base = `${await mount()}/http/${nginx.host}`;
  const read =
    'seq 0 499 | xargs -P 16 -I {} sh -c \'cmp "$0/small/{}.txt" "$1/small/{}.txt" || echo other\' "$1" "$2"';
  const { stdout, stderr } = await shell(read, base, root);
  t.is(stdout, '', stderr.slice(0, 1000));
  const uris = (await nginx.accessLog()).map(({ uri }) => uri);
  const files = uris.filter((uri) => uri !== '/small/');
  t.deepEqual(files.toSorted(), names.toSorted());
  t.true(uris.length - files.length <= 1, 'and their directory is listed once at the most');
});

// S53
onDevFuse('a block that was spoilt on disk is fetched again, alone', async (t, mount) => {
  const { nginx, original, path, cache } = await site(t);
  const first = await mount('--cache-dir', cache);
  await same(t, join(first, path), original);
  await unmount(t, first);
  const before = (await nginx.accessLog()).length;
  const files = await readdir(cache, { recursive: true });
  const data = files.filter((name) => name.endsWith('.data')).map((name) => join(cache, name));
  t.is(data.length, 1);
  await shell('printf damage | dd of="$1" bs=1 seek=20000000 conv=notrunc', data[0] ?? '');

  const second = join(await mount('--cache-dir', cache), path);
  await same(t, second, original);
  const start = Math.floor(20_000_000 / BLOCK_BYTES) * BLOCK_BYTES;
  const ranges = (await nginx.accessLog()).slice(before).map(({ range }) => range);
  t.deepEqual(ranges, [`bytes=${start}-${start + BLOCK_BYTES - 1}`]);
});
