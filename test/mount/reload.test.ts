/** What a reload of the configuration leaves in the cache, and what cannot be mounted over. */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { servingProcess } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { startNginx } from '../support/nginx.js';
import { CLI, onDevFuse, run } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

onDevFuse(
  'a reload with another rule queries what is cached, and fetches nothing again',
  async (t, mount) => {
    const root = await temporaryDirectory(t);
    const content = pattern(3_000_000);
    await writeFile(join(root, 'file.bin'), content);
    const nginx = await startNginx(t, { root });
    const [config, log] = [join(root, 'config.yaml'), join(await temporaryDirectory(t), 'log')];
    await writeFile(config, 'sources: []\n');
    const mnt = await mount('--config', config, '--log-file', log);
    const file = join(mnt, 'http', nginx.host, 'file.bin');
    t.is((await run('cmp', [file, join(root, 'file.bin')])).code, 0);
    const bytesOf = async (): Promise<number> => {
      const answers = await nginx.accessLog();
      return answers.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
    };
    const before = await bytesOf();
    await writeFile(config, 'sources: [{ match: { scheme: gs, host: other }, credentials: anonymous }]\n');
    const found = await findMount(mnt);
    const server = found && (await servingProcess(found));
    process.kill(server?.pid ?? 0, 'SIGHUP');
    await until('the reload', async () => (await readFile(log, 'utf8')).includes('is reloaded'));
    t.is((await run('cmp', [file, join(root, 'file.bin')])).code, 0);
    t.true((await bytesOf()) - before < 100_000, `${(await bytesOf()) - before} bytes`);
  },
);

test('a mount over its own program is refused', async (t) => {
  const directory = await temporaryDirectory(t);
  const program = join(directory, 'program');
  await mkdir(join(program, 'dist'), { recursive: true });
  await cp(dirname(CLI), join(program, 'dist', 'bundle'), { recursive: true });
  await cp(resolve('package.json'), join(program, 'package.json'));
  await symlink(resolve('node_modules'), join(program, 'node_modules'));
  const command = join(program, 'dist', 'bundle', 'd7y-mount.js');
  const args = [command, '--log-file', join(directory, 'log'), program];
  const { code, stderr } = await run(process.execPath, args);
  t.is(code, 1);
  t.regex(stderr, /the program .* is inside the mountpoint, which hides it/);
});
