/** Pins: what is never evicted. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import type { Pin, StoredVersion } from '../../src/cache/disk/disk-cache.js';
import type { DiskStore } from '../../src/cache/disk/disk-store.js';
import { LAYOUT_DIRECTORY } from '../../src/cache/disk/layout.js';
import { UrlSet } from '../../src/cache/url-set.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  openStore,
  opened,
  Sample,
  startChild,
  storeFilesOf,
  storeFor,
  until,
  write,
} from './disk-store-support.js';

const SIZE_BYTES = 64 * 4096;
/** Ten samples of that size do not fit. */
const LIMIT = { limitBytes: 5 * SIZE_BYTES };

function pin(name: string, changes: Partial<Pin> = {}): Pin {
  return { url: `https://host.example/${name}`, isRecursive: false, sizeBytes: undefined, ...changes };
}

async function stored(store: DiskStore, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const sample = new Sample(name, SIZE_BYTES);
    const version: StoredVersion = await opened(store, sample);
    await write(version, 0, sample.blocks(0, 64));
    version.close();
  }
}

async function has(store: DiskStore, name: string): Promise<boolean> {
  const version = await opened(store, new Sample(name, SIZE_BYTES));
  const bytes = version.storedBytes;
  version.close();
  return bytes === SIZE_BYTES;
}

const OTHERS = Array.from({ length: 12 }, (_, i) => `other${i}`);

async function survives(t: ExecutionContext, store: DiskStore, ...names: readonly string[]): Promise<void> {
  await stored(store, ...OTHERS);
  for (const name of names) t.true(await has(store, name), name);
  t.false(await has(store, 'other0'), 'others were evicted');
}

test('a URL that no pin has room for is refused', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t));
  const long = 'x'.repeat(70_000);
  await t.throwsAsync(store.pin([pin('a'), pin(long)]), { message: /at most 10000 characters/ });
  t.deepEqual(await store.listPins(), []);
});

// S157
test('what is pinned is not evicted for others, in later runs either', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await openStore(directory, LIMIT);
  await stored(first, 'a', 'd/x', 'd/y/z', 'dd');
  const reports = await first.pin([pin('a'), pin('d', { isRecursive: true })]);
  t.like(reports, [{ files: 1 }, { files: 2 }]);
  t.true((reports[0]?.bytes ?? 0) >= SIZE_BYTES);
  await survives(t, first, 'a', 'd/x', 'd/y/z');
  t.false(await has(first, 'dd'));
  t.true((first.report.pinnedBytes ?? 0) >= 3 * SIZE_BYTES);
  await first.close();
  const second = await storeFor(t, directory, LIMIT);
  await survives(t, second, 'a', 'd/x', 'd/y/z');
  t.true((second.report.pinnedBytes ?? 0) >= 3 * SIZE_BYTES);
  const counts = (await second.listPins()).map(({ url, files }): [string, number | undefined] => [
    url,
    files,
  ]);
  t.deepEqual(Object.fromEntries(counts), { 'https://host.example/a': 1, 'https://host.example/d': 2 });
  t.is((await second.unpin(['https://host.example/d'], false)).length, 1);
  await until(() => (second.report.pinnedBytes ?? 0) < 2 * SIZE_BYTES);
  await stored(second, ...OTHERS);
  t.false(await has(second, 'd/x'));
  t.true(await has(second, 'a'));
});

// S157
test('a pin is of the URL: what is stored of it later is pinned, and what another version replaces is gone', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t), LIMIT);
  t.like(await store.pin([pin('a')]), [{ files: 0, bytes: 0 }]);
  await stored(store, 'a');
  await survives(t, store, 'a');
  store.drop(new Sample('a', SIZE_BYTES).key);
  const next = new Sample('a', SIZE_BYTES, '2');
  const version = await opened(store, next);
  await write(version, 0, next.blocks(0, 64));
  version.close();
  await stored(store, ...OTHERS);
  t.is(storeFilesOf(store.report.directory, next.key.resource), 2);
  t.true((store.report.pinnedBytes ?? 0) < 2 * SIZE_BYTES);
});

// S158
test('pins beyond the limit are refused, with figures, and when pins take all of it, others are not stored', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t), LIMIT);
  await stored(store, 'a', 'b', 'c');
  await store.pin([pin('a'), pin('b'), pin('c')]);
  await t.throwsAsync(store.pin([pin('new', { sizeBytes: 3 * SIZE_BYTES })]), {
    code: 'PIN_REFUSED',
    message: /the disk cache holds \d+ bytes: \d+ are pinned, and this would pin \d+ more/,
  });
  await store.pin([pin('large', { isRecursive: true })]);
  await stored(store, 'large/1', 'large/2', 'large/3');
  for (const name of ['a', 'b', 'c', 'large/1']) t.true(await has(store, name), name);
  t.false(await has(store, 'large/3'));
  t.true(store.usedBytes <= LIMIT.limitBytes);
});

// S157
test('a damaged pin is none, and the others hold', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await openStore(directory, LIMIT);
  await stored(first, 'a', 'b');
  await first.pin([pin('a'), pin('b')]);
  await first.close();
  const pins = join(directory, LAYOUT_DIRECTORY, 'pins');
  for (const name of await readdir(pins)) {
    const path = join(pins, name);
    const text = await readFile(path, 'utf8');
    if (text.includes('/a"')) await writeFile(path, text.replace('/a"', '/c"'));
  }
  await writeFile(join(pins, `${'0'.repeat(32)}.pin`), '{"url":');
  await writeFile(join(pins, 'stray'), 'x');
  const second = await storeFor(t, directory, LIMIT);
  t.deepEqual(
    (await second.listPins()).map(({ url }) => url),
    ['https://host.example/b'],
  );
  await survives(t, second, 'b');
  t.false(await has(second, 'a'));
});

// S157
test('what another process pins, the writer does not evict', async (t) => {
  const directory = await temporaryDirectory(t);
  const writer = await storeFor(t, directory, LIMIT);
  const reader = await storeFor(t, directory, LIMIT);
  await stored(writer, 'a', 'b');
  t.like(await reader.pin([pin('a')]), [{ files: undefined, bytes: undefined }]);
  await survives(t, writer, 'a');
  t.truthy(writer.pinOf('https://host.example/a'));
  await reader.unpin(['https://host.example'], true);
  await stored(writer, ...OTHERS);
  t.false(await has(writer, 'a'));
});

// S157
test('a pin survives the kill of a process that writes', async (t) => {
  const directory = await temporaryDirectory(t);
  const child = await startChild('write', directory);
  const reader = await openStore(directory, LIMIT);
  await reader.pin([pin('s1'), pin('kept', { isRecursive: true })]);
  await child.kill();
  await reader.close();
  const store = await storeFor(t, directory, LIMIT);
  await stored(store, 'kept/a');
  t.is((await store.listPins()).length, 2);
  await survives(t, store, 'kept/a');
});

test('evict leaves what is pinned, unless it is forced', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t), LIMIT);
  await stored(store, 'd/a', 'd/b', 'c');
  await store.pin([pin('d/a')]);
  t.is((await store.evict(new UrlSet(['']), false))?.files, 2);
  t.true(await has(store, 'd/a'));
  t.is((await store.evict(new UrlSet(['https://host.example/d']), true))?.files, 1);
  t.is(store.usedBytes, 0);
  t.is((await store.listPins()).length, 1, 'the pin stays');
});
