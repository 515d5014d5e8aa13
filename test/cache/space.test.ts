import { join } from 'node:path';

import test from 'ava';
import { pino } from 'pino';

import { RateLimitedLog } from '../../src/cache/disk/rate-limited-log.js';
import { Space } from '../../src/cache/disk/space.js';
import { loadSyscalls } from '../../src/native/posix.js';
import { temporaryDirectory } from '../support/temp.js';

// S58
test('nothing is evicted because the free space cannot be read', async (t) => {
  const directory = join(await temporaryDirectory(t), 'missing');
  const warnings = new RateLimitedLog(pino({ level: 'silent' }), directory);
  const space = new Space({ directory, limitBytes: 1000, reserveBytes: 10, warnings });
  space.usedBytes = 500;
  await space.refresh();
  t.true(space.shortBytes(100) <= 0);
  t.true(space.shortBytes(600) > 0, 'the limit holds');
});

test('a file system that cannot be synced is an error', async (t) => {
  const syscalls = await loadSyscalls();
  await t.throwsAsync(syscalls.syncFileSystem(-1), { message: /syncfs/ });
});

test('two that look at the free space at once both wait for it', async (t) => {
  const directory = await temporaryDirectory(t);
  const warnings = new RateLimitedLog(pino({ level: 'silent' }), directory);
  const space = new Space({ directory, limitBytes: 1000, reserveBytes: 10, warnings });
  const looks = [space.refresh(), space.refresh()];
  t.true(
    looks.every((look) => look !== undefined),
    'it is not known yet',
  );
  await looks[1];
  t.true(space.capacityBytes > 0 && space.shortBytes(100) <= 0);
  t.is(space.refresh(), undefined);
});
