import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { CLI, run, shell, unmount } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

test('nothing that Node deprecates is used, and the process ends with the mount', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'a.txt'), 'content');
  const { host } = await startNginx(t, { root: directory });
  const [mnt, log] = [join(directory, 'mnt'), join(directory, 'log')];
  t.teardown(() => run('umount', ['-l', mnt]));
  const node = ['NODE_OPTIONS=--pending-deprecation --throw-deprecation', process.execPath];
  const own = ['--transport', 'dev-fuse', '--cache-size', '0', '--log-file', log];
  const { code, stderr } = await run('env', [...node, CLI, mnt, ...own]);
  t.is(code, 0, stderr);
  t.is((await shell('cat "$1"', join(mnt, 'http', host, 'a.txt'))).stdout, 'content');
  await unmount(t, mnt);
  t.is((await run('pgrep', ['-f', '--', mnt])).stdout, '');
});
