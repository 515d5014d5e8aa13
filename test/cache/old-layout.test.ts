/** What the layout before this one has left in the cache directory. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { loadSyscalls } from '../../src/native/posix.js';
import { temporaryDirectory } from '../support/temp.js';
import { openStore, Sample, storeFor, until } from './disk-store-support.js';

const NAME = `${'a'.repeat(32)}-${'b'.repeat(16)}-000000`;

/** As version 3 of the layout was. */
function makeOld(directory: string): string {
  const old = join(directory, 'v3');
  for (const path of ['aa', 'ab', 'pins']) mkdirSync(join(old, path), { recursive: true, mode: 0o700 });
  for (const kind of ['data', 'index']) writeFileSync(join(old, 'aa', `${NAME}.${kind}`), 'x'.repeat(10_000));
  for (const name of ['lock', 'key']) writeFileSync(join(old, name), '');
  return old;
}

test('an earlier layout is removed, and its pins hold', async (t) => {
  const directory = await temporaryDirectory(t);
  const { resource } = new Sample('kept', 10).key;
  const first = await openStore(directory);
  await first.pin([{ url: resource, isRecursive: true, sizeBytes: undefined }]);
  await first.close();
  const old = makeOld(directory);
  execFileSync('sh', ['-c', `mv ${directory}/v4/pins/* ${old}/pins/ && rm -r ${directory}/v4`]);
  const store = await storeFor(t, directory);
  t.like(await store.listPins(), [{ url: resource, isRecursive: true }]);
  await until(() => !existsSync(old));
  t.is(store.pinOf(`${resource}/a`)?.url, resource);
  t.deepEqual(readdirSync(directory), ['v4']);
});

test('what others have put there stays', async (t) => {
  const directory = await temporaryDirectory(t);
  const old = makeOld(directory);
  writeFileSync(join(old, 'ab', 'notes'), 'mine');
  await storeFor(t, directory);
  await until(() => !existsSync(join(old, 'lock')));
  t.deepEqual(readdirSync(old, { recursive: true }), ['ab', 'ab/notes']);
});

test('it stays as long as a process of an earlier version writes it', async (t) => {
  const directory = await temporaryDirectory(t);
  const old = makeOld(directory);
  const lock = await open(join(old, 'lock'), 'r+');
  t.true((await loadSyscalls()).tryLock(lock.fd));
  const first = await openStore(directory);
  const held = await first.open(new Sample('a', 10).key, new Sample('a', 10).facts);
  held?.close();
  await first.close();
  t.true(existsSync(join(old, 'aa', `${NAME}.data`)));
  await lock.close();
  await storeFor(t, directory);
  await until(() => !existsSync(old));
  // The descriptor was of the lock alone.
  await t.throwsAsync(open(join(old, 'lock')), { code: 'ENOENT' });
});
