import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { MountpointError, prepareMountpoint, removeMountpoint } from '../../src/mount/mountpoint.js';
import { temporaryDirectory } from '../support/temp.js';

test('a mountpoint is made with its parents, and only what was made is removed', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'a', 'b');
  const made = await prepareMountpoint(path);
  t.deepEqual(made, { path, wasCreated: true });
  t.deepEqual(await prepareMountpoint(path), { path, wasCreated: false });
  await removeMountpoint(made);
  t.deepEqual(await prepareMountpoint(join(directory, 'a')), {
    path: join(directory, 'a'),
    wasCreated: false,
  });
});

test('a mountpoint that cannot be made is an error at once', async (t) => {
  await t.throwsAsync(prepareMountpoint('/proc/x/y'), {
    instanceOf: MountpointError,
    message: '/proc/x/y: cannot be created (ENOENT)',
  });
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'file'), '');
  await symlink('nowhere', join(directory, 'dangling'));
  await mkdir(join(directory, 'd'));
  for (const name of ['file', 'file/below']) {
    await t.throwsAsync(prepareMountpoint(join(directory, name)), { message: /is not a directory/ }, name);
  }
});
