import test from 'ava';

import { acquireStartLock, tryStartLock } from '../../bin/start-lock.js';
import { MountpointError } from '../../src/mount/mountpoint.js';
import { temporaryDirectory } from '../support/temp.js';

test('a start lock is held by one at a time; who waits too long is told by whom', async (t) => {
  const mountpoint = await temporaryDirectory(t);
  const lock = await tryStartLock(mountpoint);
  t.teardown(() => lock?.release());
  t.truthy(lock);
  t.is(await tryStartLock(mountpoint), undefined);
  await t.throwsAsync(acquireStartLock(mountpoint, 0), {
    instanceOf: MountpointError,
    message: `${mountpoint}: is in use: process ${process.pid} is about to mount there`,
  });
  const other = await tryStartLock(`${mountpoint}/another`);
  t.truthy(other);
  other?.release();
  const next = acquireStartLock(mountpoint, 60_000);
  lock?.release();
  (await next).release();
});
