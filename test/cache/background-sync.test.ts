import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { BackgroundSync } from '../../src/cache/disk/background-sync.js';
import { Semaphore } from '../../src/cache/disk/semaphore.js';
import { filePath, shardPath } from '../../src/cache/disk/layout.js';
import { RateLimitedLog } from '../../src/cache/disk/rate-limited-log.js';
import { temporaryDirectory } from '../support/temp.js';

class CountingSemaphore extends Semaphore {
  runs = 0;

  override run<T>(task: () => Promise<T>): Promise<T> {
    this.runs += 1;
    return super.run(task);
  }
}

class Fixture {
  readonly semaphore = new CountingSemaphore(1);
  readonly logged: string[] = [];
  fileSystemSyncs = 0;
  onFileSystemSync: () => void = () => undefined;
  readonly sync: BackgroundSync;
  #onRound: (left: number) => void = () => undefined;

  constructor(root: string) {
    const log = pino({}, { write: (line: string) => this.logged.push(line) });
    this.sync = new BackgroundSync({
      root,
      afterMs: 1,
      semaphore: this.semaphore,
      warnings: new RateLimitedLog(log, root),
      syncFileSystem: async () => {
        this.fileSystemSyncs += 1;
        this.onFileSystemSync();
      },
      onSynced: (left) => this.#onRound(left),
    });
  }

  /** Resolves after a round to how many segments are left. */
  nextRound(): Promise<number> {
    return new Promise((resolve) => {
      // The timer of the rounds does not keep the process alive.
      const alive = setInterval(() => undefined, 1_000);
      this.#onRound = (left) => {
        clearInterval(alive);
        resolve(left);
      };
    });
  }

  async untilAllIsSynced(): Promise<void> {
    while ((await this.nextRound()) > 0);
  }
}

async function start(t: ExecutionContext): Promise<{ root: string; fixture: Fixture }> {
  const root = await temporaryDirectory(t);
  const fixture = new Fixture(root);
  t.teardown(() => fixture.sync.stop());
  return { root, fixture };
}

function nameOf(number: number): string {
  return `${String(number).padStart(32, '0')}-0123456789abcdef-000000`;
}

for (const isNew of [false, true]) {
  test(`segments whose names have no room are synced with the file system, once: ${isNew ? 'new' : 'old'} ones`, async (t) => {
    const { fixture } = await start(t);
    for (let i = 0; i < 1_025; i += 1) fixture.sync.add(nameOf(i), isNew);
    t.is(await fixture.nextRound(), 0);
    t.is(fixture.fileSystemSyncs, 1);
    fixture.sync.add(nameOf(0), isNew);
    t.is(await fixture.nextRound(), 0);
    await fixture.sync.stop();
    await fixture.sync.syncAll();
    t.is(fixture.fileSystemSyncs, 1, 'the file system is synced for what had no room only');
  });
}

test('what is written while the file system is synced is synced after it', async (t) => {
  const { fixture } = await start(t);
  for (let i = 0; i < 1_025; i += 1) fixture.sync.add(nameOf(i));
  fixture.onFileSystemSync = () => fixture.sync.add(nameOf(0));
  t.is(await fixture.nextRound(), 1);
  t.is(await fixture.nextRound(), 0);
});

test('the semaphore is free between two segments', async (t) => {
  const { fixture } = await start(t);
  for (let i = 0; i < 20; i += 1) fixture.sync.add(nameOf(i));
  await fixture.untilAllIsSynced();
  t.is(fixture.semaphore.runs, 20);
});

test('a segment that cannot be synced is tried again', async (t) => {
  const { root, fixture } = await start(t);
  const bad = nameOf(0);
  // In the place of its directory.
  writeFileSync(shardPath(root, bad), '');
  fixture.sync.add(bad, true);
  t.is(await fixture.nextRound(), 1);
  t.regex(fixture.logged.join(), /cannot make the store durable/);
  rmSync(shardPath(root, bad));
  mkdirSync(shardPath(root, bad));
  writeFileSync(filePath(root, bad, 'data'), 'x');
  await fixture.untilAllIsSynced();
  t.deepEqual(readdirSync(root), ['00']);
});

test('the end tries once to sync each segment', async (t) => {
  const { root, fixture } = await start(t);
  writeFileSync(shardPath(root, nameOf(0)), '');
  fixture.sync.add(nameOf(0), true);
  await fixture.sync.stop();
  await fixture.sync.syncAll();
  t.regex(fixture.logged.join(), /cannot make the store durable/);
});
