import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

import test, { type ExecutionContext } from 'ava';

import { filePath, shardPath } from '../../src/cache/disk/layout.js';
import { Durability } from '../../src/cache/disk/worker/durability.js';
import { temporaryDirectory } from '../support/temp.js';

interface Fixture {
  readonly root: string;
  readonly durability: Durability;
  /** Resolves after a round to how many entries are left, and what failed. */
  readonly nextRound: () => Promise<{ left: number; code: string | undefined }>;
}

async function start(t: ExecutionContext): Promise<Fixture> {
  const root = await temporaryDirectory(t);
  let onRound: (left: number, code: string | undefined) => void = () => undefined;
  const durability = new Durability(root, 1, (left, error) => onRound(left, error?.code));
  t.teardown(() => durability.syncAll().catch(() => undefined));
  const nextRound = (): Promise<{ left: number; code: string | undefined }> =>
    new Promise((resolve) => {
      onRound = (left, code) => resolve({ left, code });
    });
  return { root, durability, nextRound };
}

function nameOf(number: number): string {
  return `${String(number).padStart(32, '0')}-0123456789abcdef`;
}

test('a round syncs a few entries, and leaves the others to the next ones', async (t) => {
  const { durability, nextRound } = await start(t);
  for (let i = 0; i < 20; i += 1) durability.add(nameOf(i));
  t.deepEqual(await nextRound(), { left: 4, code: undefined });
  t.deepEqual(await nextRound(), { left: 0, code: undefined });
});

for (const entries of [33, 1_000]) {
  test(`of ${entries} entries the end says that it is too much`, async (t) => {
    const { durability } = await start(t);
    for (let i = 0; i < entries; i += 1) durability.add(nameOf(i));
    t.false(await durability.syncAll());
  });
}

test('of very many some are left to the system', async (t) => {
  const { durability, nextRound } = await start(t);
  for (let i = 0; i < 1_000; i += 1) durability.add(nameOf(i));
  while ((await nextRound()).left > 0);
  t.false(await durability.syncAll());
});

test('an entry that cannot be synced is tried again', async (t) => {
  const { root, durability, nextRound } = await start(t);
  const bad = nameOf(0);
  // In the place of its directory.
  writeFileSync(shardPath(root, bad), '');
  durability.add(bad);
  t.is((await nextRound()).left, 1);
  rmSync(shardPath(root, bad));
  mkdirSync(shardPath(root, bad));
  writeFileSync(filePath(root, bad, 'data'), 'x');
  while ((await nextRound()).left > 0);
  t.deepEqual(readdirSync(root), ['00']);
});

test('the end tries once to sync each entry', async (t) => {
  const { root, durability } = await start(t);
  writeFileSync(shardPath(root, nameOf(0)), '');
  durability.add(nameOf(0));
  await t.throwsAsync(durability.syncAll(), { code: 'ENOTDIR' });
});
