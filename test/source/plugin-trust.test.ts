import { type Stats, writeFileSync } from 'node:fs';
import { chmod, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { checkDirectoryTrust, checkTrust } from '../../src/source/plugin/trust.js';
import { checkOwnership } from '../../src/trusted-path.js';
import { temporaryDirectory } from '../support/temp.js';

const UID = process.getuid?.() ?? 0;

/** A plugin that is a folder, with one file in it, both as only their owner may write to them. */
async function folderPlugin(t: ExecutionContext): Promise<{ folder: string; file: string }> {
  const folder = join(await realpath(await temporaryDirectory(t)), 'plugin');
  const file = join(folder, 'index.mjs');
  await mkdir(folder, { mode: 0o755 });
  await writeFile(file, '', { mode: 0o644 });
  return { folder, file };
}

test('a plugin that only root and its user can write to is trusted, by its real path', async (t) => {
  const { folder, file } = await folderPlugin(t);
  const link = join(folder, '..', 'link');
  await symlink('plugin', link);
  t.is(await checkTrust(folder, UID), folder);
  t.is(await checkTrust(link, UID), folder);
  t.is(await checkTrust(file, UID), file);
});

for (const [what, spoil] of [
  ['a file', async ({ file }) => await chmod(file, 0o646)],
  ['a folder', async ({ folder }) => await chmod(folder, 0o757)],
  [
    'what a link in a folder leads to',
    async ({ folder }) => {
      await writeFile(join(folder, '..', 'loose'), '');
      await chmod(join(folder, '..', 'loose'), 0o666);
      await symlink('../loose', join(folder, 'link'));
    },
  ],
  [
    'a file further down in a folder',
    async ({ folder }) => {
      await mkdir(join(folder, 'a', 'b'), { recursive: true });
      await writeFile(join(folder, 'a', 'b', 'loose'), '');
      await chmod(join(folder, 'a', 'b', 'loose'), 0o666);
    },
  ],
] as const satisfies [string, (plugin: Awaited<ReturnType<typeof folderPlugin>>) => Promise<void>][]) {
  test(`a plugin is not trusted when others may write to ${what}`, async (t) => {
    const plugin = await folderPlugin(t);
    await spoil(plugin);
    await t.throwsAsync(checkTrust(plugin.folder, UID), {
      code: 'PLUGIN_TRUST',
      message: /others may write to it/,
    });
  });
}

test('a plugin of another user is not trusted', async (t) => {
  const { folder } = await folderPlugin(t);
  await (UID === 0
    ? t.notThrowsAsync(checkTrust(folder, 1234), 'root is trusted')
    : t.throwsAsync(checkTrust(folder, UID + 1), { code: 'PLUGIN_TRUST' }));
});

/** A user of Debian whose group has no other member. */
const DAEMON = 1;

test('the group may write only if it is the private one of the user, who owns the file', (t) => {
  const check = (uid: number, stats: Partial<Stats>): void => checkOwnership('/f', stats as Stats, uid);
  t.notThrows(() => check(DAEMON, { uid: DAEMON, gid: DAEMON, mode: 0o664 }));
  for (const [uid, stats] of [
    [DAEMON, { uid: 0, gid: DAEMON, mode: 0o664 }],
    [DAEMON, { uid: DAEMON, gid: DAEMON, mode: 0o666 }],
    [DAEMON, { uid: DAEMON, gid: DAEMON, mode: 0o646 }],
    [0, { uid: 0, gid: 0, mode: 0o664 }],
  ] as const) {
    const { message } = t.throws(() => check(uid, stats));
    t.true(message.includes(stats.mode.toString(8)), message);
  }
});

test('what is in a plugin directory is not looked at, the directory is', async (t) => {
  const { folder, file } = await folderPlugin(t);
  await chmod(file, 0o666);
  await t.notThrowsAsync(checkDirectoryTrust(folder, UID));
  await chmod(folder, 0o777);
  await t.throwsAsync(checkDirectoryTrust(folder, UID), { code: 'PLUGIN_TRUST' });
});

test('a plugin that is missing is not one that is untrusted', async (t) => {
  await t.throwsAsync(checkTrust(join(await temporaryDirectory(t), 'none'), UID), { code: 'ENOENT' });
});

test('a folder with more entries than are checked is not trusted', async (t) => {
  const { folder } = await folderPlugin(t);
  for (let count = 1; count < 20_000; count += 1)
    writeFileSync(join(folder, `${count}`), '', { mode: 0o644 });
  await t.notThrowsAsync(checkTrust(folder, UID));
  writeFileSync(join(folder, 'one more'), '', { mode: 0o644 });
  await t.throwsAsync(checkTrust(folder, UID), { code: 'PLUGIN_TRUST', message: /more than 20000 entries/ });
});
