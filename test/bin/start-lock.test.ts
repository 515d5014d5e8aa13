import { fileURLToPath } from 'node:url';

import test from 'ava';

import { acquireStartLock, tryStartLock } from '../../bin/start-lock.js';
import { MountpointError } from '../../src/mount/mountpoint.js';
import { asRoot } from '../support/conditional-test.js';
import { shell } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';

test('a start lock is held by one at a time; a start that waits too long names the process that holds it', async (t) => {
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

const MODULE = fileURLToPath(new URL('../../bin/start-lock.js', import.meta.url));

asRoot('a start lock is held on a full disk too', async (t) => {
  const script = `exec unshare -m sh -euc '
    mount -t tmpfs -o size=4k none /run; mkdir /run/d7y-mount; echo > /run/full
    exec "$1" --input-type=module -e "
      const { tryStartLock } = await import(process.argv[1]);
      const lock = await tryStartLock(\\"/mnt\\");
      console.log(typeof lock, typeof (await tryStartLock(\\"/mnt\\")));
      lock.release();
      console.log(typeof (await tryStartLock(\\"/mnt\\")));" "$2"' sh "$@"`;
  const { stdout, stderr } = await shell(script, process.execPath, MODULE);
  t.is(stdout, 'object undefined\nobject\n', stderr);
});
