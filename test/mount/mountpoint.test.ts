import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { loadSyscalls, MS_RDONLY } from '../../src/native/posix.js';
import { coversAnother, findMount } from '../../src/mount/mount-table.js';
import {
  checkOutside,
  detachPath,
  MountpointError,
  openMountpoint,
  prepareMountpoint,
  removeMountpoint,
  unmountPath,
} from '../../src/mount/mountpoint.js';
import { asRoot } from '../support/conditional-test.js';
import { run } from '../support/mounted.js';
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

test('a missing path below a symbolic link is where the link leads', async (t) => {
  const directory = await temporaryDirectory(t);
  const [real, link] = [join(directory, 'real'), join(directory, 'link')];
  await mkdir(real);
  await symlink('real', link);
  await symlink('real/later', join(directory, 'dangling'));
  for (const missing of ['link/a', 'link/a/b', 'dangling', 'dangling/a'])
    await t.throwsAsync(checkOutside(real, 'log file', join(directory, missing)), { code: 'HIDES' }, missing);
  await t.notThrowsAsync(checkOutside(real, 'log file', join(directory, 'really/a')));
  await t.throwsAsync(checkOutside('/', 'log file', directory), { code: 'HIDES' });
  const made = await prepareMountpoint(join(link, 'a', 'b'));
  t.is(made.path, join(real, 'a', 'b'));
  await (await openMountpoint(made.path)).close();
});

asRoot('what is mounted by descriptor stays on its directory, whatever the path becomes', async (t) => {
  const directory = await temporaryDirectory(t);
  const [path, moved, trap] = ['mnt', 'moved', 'trap'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(path);
  await mkdir(trap);
  const opened = await openMountpoint(path);
  t.teardown(() => run('umount', ['-l', moved]));
  await rename(path, moved);
  await symlink(trap, path);
  (await loadSyscalls()).mount('none', `/proc/self/fd/${opened.fd}`, 'tmpfs', MS_RDONLY, '');
  await opened.close();
  t.is((await findMount(moved))?.fsType, 'tmpfs');
  t.is(await findMount(trap), undefined);
});

// S100
test('a path that has become a link, or leads through one, is not opened', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'real', 'mnt'), { recursive: true });
  await symlink('real', join(directory, 'parent'));
  await symlink('real/mnt', join(directory, 'link'));
  await t.throwsAsync(openMountpoint(join(directory, 'link')), { code: 'ENOTDIR' });
  const through = join(directory, 'parent', 'mnt');
  await t.throwsAsync(openMountpoint(through), {
    message: `${through}: leads to ${directory}/real/mnt by now`,
  });
});

asRoot('no other mount is ended where the path of a mount leads by now', async (t) => {
  const directory = await temporaryDirectory(t);
  const [parent, moved, trap] = [
    join(directory, 'parent'),
    join(directory, 'moved'),
    join(directory, 'trap'),
  ];
  const syscalls = await loadSyscalls();
  for (const path of [parent, trap]) {
    await mkdir(join(path, 'mnt'), { recursive: true });
    syscalls.mount('none', join(path, 'mnt'), 'tmpfs', MS_RDONLY, '');
  }
  t.teardown(() => run('umount', [join(moved, 'mnt'), join(trap, 'mnt')]));
  await rename(parent, moved);
  await symlink(trap, parent);
  for (const end of [unmountPath, detachPath]) {
    await end(join(parent, 'mnt'));
    t.truthy(await findMount(join(trap, 'mnt')));
  }
  t.is(await unmountPath(join(moved, 'mnt')), 'unmounted');
  t.is(await findMount(join(moved, 'mnt')), undefined);
});

asRoot('of mounts on one another it is known which covers which', async (t) => {
  const path = await temporaryDirectory(t);
  const opened = await openMountpoint(path);
  t.teardown(() => run('umount', ['-l', path]));
  t.teardown(() => run('umount', ['-l', path]));
  const syscalls = await loadSyscalls();
  // Through the directory itself, as by two processes that both found it free.
  for (const source of ['first', 'second'])
    syscalls.mount(source, `/proc/self/fd/${opened.fd}`, 'tmpfs', MS_RDONLY, '');
  await opened.close();
  const upper = await findMount(path);
  t.is(upper?.source, 'second');
  const lower = upper && (await coversAnother(upper));
  t.is(lower?.source, 'first');
  t.is(lower && (await coversAnother(lower)), undefined);
});
