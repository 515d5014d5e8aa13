import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { filePath, LAYOUT_DIRECTORY, nameOfVersion } from '../../src/cache/disk/layout.js';
import { asRoot } from '../support/conditional-test.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  BLOCK_BYTES,
  type Logged,
  opened,
  readAll,
  Sample,
  stored,
  storeFor,
  until,
  write,
} from './disk-store-support.js';

function filesOf(directory: string, sample: Sample): { data: string; index: string } {
  const root = join(directory, LAYOUT_DIRECTORY);
  const name = nameOfVersion(sample.key);
  const [data, index] = [filePath(root, name, 'data'), filePath(root, name, 'index')];
  mkdirSync(dirname(data), { recursive: true, mode: 0o700 });
  return { data, index };
}

async function listen(t: ExecutionContext, path: string): Promise<void> {
  const server = createServer();
  t.teardown(() => server.close());
  // The address of a socket has room for 107 bytes.
  const short = join(tmpdir(), `s${process.pid}`);
  await new Promise<void>((resolve) => server.listen(short, resolve));
  renameSync(short, path);
}

/** Puts something in the place of the data file, the index file, or both. */
const STRAYS: Readonly<
  Record<string, (t: ExecutionContext, file: { data: string; index: string }) => unknown>
> = {
  'a directory as data': (_t, { data }) => mkdirSync(data),
  'a directory as index': (_t, { index }) => mkdirSync(index),
  'a directory as index, beside data': (_t, { data, index }) => {
    mkdirSync(index);
    writeFileSync(data, 'data');
  },
  'full directories': (_t, { data, index }) => {
    for (const path of [data, index]) mkdirSync(join(path, 'deep'), { recursive: true });
  },
  'a FIFO as data': (_t, { data }) => execFileSync('mkfifo', [data]),
  'a FIFO as index': (_t, { index }) => execFileSync('mkfifo', [index]),
  'a socket as data': (t, { data }) => listen(t, data),
  'a link as index': (_t, { index }) => symlinkSync('/etc/passwd', index),
  'a link that leads nowhere as data': (_t, { data }) => symlinkSync('nowhere', data),
};

for (const [title, put] of Object.entries(STRAYS)) {
  // S59
  test(`${title}: nothing is stored there, and everything else is`, async (t) => {
    t.timeout(30_000);
    const directory = await temporaryDirectory(t);
    const before = new Sample('before', 20 * BLOCK_BYTES);
    await stored(directory, before);
    const there = new Sample('there', 20 * BLOCK_BYTES);
    const files = filesOf(directory, there);
    await put(t, files);
    const strays = Object.values(files).filter((path) => isStray(path));
    const kinds = strays.map((path) => lstatSync(path).mode);
    const logged: Logged[] = [];
    const store = await storeFor(t, directory, {}, logged);
    await until(() => store.usedBytes > 0);
    t.deepEqual(await readAll(t, await opened(store, before), before), { right: 20, wrong: 0 });

    const version = await opened(store, there);
    t.false(await write(version, 0, there.blocks(0, 20)));
    t.is(await store.newest(there.key.resource), undefined);
    version.close();
    store.drop(there.key);

    const after = new Sample('after', 20 * BLOCK_BYTES);
    const another = await opened(store, after);
    t.true(await write(another, 0, after.blocks(0, 20)));
    t.deepEqual(await readAll(t, another, after), { right: 20, wrong: 0 });
    t.deepEqual(
      strays.map((path) => lstatSync(path).mode),
      kinds,
    );
    t.true(logged.some(({ msg }) => msg.includes('left alone')));
    t.true(logged.length <= 6, logged.map(({ msg }) => msg).join('\n'));
  });
}

function isStray(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile();
}

// S59
test('a link in the place of a shard is not followed', async (t) => {
  const directory = await temporaryDirectory(t);
  const outside = await temporaryDirectory(t);
  const sample = new Sample('a', 4 * BLOCK_BYTES);
  const shard = dirname(filesOf(directory, sample).data);
  execFileSync('rmdir', [shard]);
  symlinkSync(outside, shard);
  writeFileSync(join(outside, `${nameOfVersion(sample.key)}.data`), 'not of the cache');
  const store = await storeFor(t, directory);
  t.false(await write(await opened(store, sample), 0, sample.blocks(0, 4)));
  store.drop(sample.key);
  await store.close();
  t.is(readdirSync(outside).length, 1);
});

test('a directory in the place of the lock does not keep anybody from writing', async (t) => {
  const directory = await temporaryDirectory(t);
  mkdirSync(join(directory, LAYOUT_DIRECTORY, 'lock'), { recursive: true, mode: 0o700 });
  const sample = new Sample('a', 4 * BLOCK_BYTES);
  const [store, other] = [await storeFor(t, directory), await storeFor(t, directory)];
  t.true(await write(await opened(store, sample), 0, sample.blocks(0, 4)));
  t.false(await write(await opened(other, sample), 0, sample.blocks(0, 4)));
});

asRoot("another user's files in the directory are left alone", async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a', 4 * BLOCK_BYTES);
  const { data } = filesOf(directory, sample);
  writeFileSync(data, 'theirs');
  chownSync(data, 65_534, 65_534);
  const logged: Logged[] = [];
  const store = await storeFor(t, directory, {}, logged);
  t.false(await write(await opened(store, sample), 0, sample.blocks(0, 4)));
  store.drop(sample.key);
  await store.close();
  t.true(existsSync(data));
  t.true(logged.some(({ msg }) => msg.includes('left alone')));
});
