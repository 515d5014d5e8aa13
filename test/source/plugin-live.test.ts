import { chmod, chown, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';

import { Request } from '../../src/source/index.js';
import { scanDirectory } from '../../src/source/plugin/plugin-directory.js';
import { checkTrust } from '../../src/source/plugin/trust.js';
import { asRootSerially } from '../support/conditional-test.js';
import { addModule, clientOf, pluginDirectory, pluginSet, textOf } from '../support/plugins.js';
import { run } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const isRoot = process.getuid?.() === 0;

// S14
test.serial('a plugin is loaded at its first use, not before', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'one');
  const plugins = pluginSet(t, directory);
  await plugins.refresh();
  t.deepEqual(plugins.listSchemes(), ['one']);
  t.like(plugins.describe('one'), { state: 'registered', counters: { starts: 0 } });
  const clients = await Promise.all([clientOf(plugins, 'one'), clientOf(plugins, 'one')]);
  t.is(await textOf(clients[0], 'one://h/x'), 'hello from one');
  t.like(plugins.describe('one'), { state: 'loaded', counters: { starts: 1 } });
  t.is(await plugins.clientFor('two'), undefined);
});

test.serial('what is added is found, what is replaced gives way, and what is removed is gone', async (t) => {
  const directory = await pluginDirectory(t);
  const plugins = pluginSet(t, directory);
  const replaced: string[] = [];
  plugins.onReplaced = (scheme) => replaced.push(scheme);
  t.is(await plugins.clientFor('one'), undefined);

  const path = await addModule(directory, 'one', { content: 'first' });
  await plugins.refresh();
  const first = await clientOf(plugins, 'one');
  t.is(await textOf(first, 'one://h/x'), 'first');
  const [firstPid] = plugins.pids;

  await addModule(directory, 'one', { content: 'second' });
  await until(
    'the new one serves',
    async () => (await textOf(await clientOf(plugins, 'one'), 'one://h/x')) === 'second',
  );
  t.deepEqual(replaced, ['one']);
  t.is(await textOf(first, 'one://h/x'), 'first', 'who has the old one goes on with it');
  t.is(plugins.pids.length, 2);

  process.kill(firstPid ?? 0, 'SIGKILL');
  await until('its end is known', () => !plugins.pids.includes(firstPid ?? 0));
  t.like(await t.throwsAsync(textOf(first, 'one://h/x')), { code: 'CHANGED' }, 'it is not started again');

  await rm(path);
  await until('it is gone', async () => (await plugins.clientFor('one')) === undefined);
  t.is(plugins.describe('one'), undefined);
  t.deepEqual(replaced, ['one', 'one']);
});

test.serial('a running plugin that is replaced is detected without a call', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'one');
  const plugins = pluginSet(t, directory);
  await clientOf(plugins, 'one');
  const noticed = new Promise<string>((resolve) => (plugins.onReplaced = resolve));
  await writeFile(join(directory, 'next'), 'export {};');
  await rename(join(directory, 'next'), join(directory, 'd7y-resource-plugin-one.mjs'));
  t.is(await Promise.race([noticed, sleep(60_000, 'nothing', { ref: false })]), 'one');
});

test.serial('a failed load is tried again at once when the file changed, else after a while', async (t) => {
  const directory = await pluginDirectory(t);
  await writeFile(join(directory, 'd7y-resource-plugin-one.mjs'), 'nonsense nonsense', { mode: 0o644 });
  const plugins = pluginSet(t, directory);
  for (let i = 0; i < 50; i += 1)
    await t.throwsAsync(async () => await plugins.clientFor('one'), { message: /Unexpected/ });
  t.like(plugins.describe('one'), { state: 'failed', counters: { starts: 1 } });
  await addModule(directory, 'one');
  await plugins.refresh();
  t.is(await textOf(await clientOf(plugins, 'one'), 'one://h/x'), 'hello from one');
});

test.serial('a scheme of the tree is served by a plugin only where that is said', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'dfs');
  const refusing = pluginSet(t, directory);
  t.is(await refusing.clientFor('dfs'), undefined);
  t.deepEqual(refusing.listSchemes(), []);
  const allowing = pluginSet(t, directory, { override: ['dfs'] });
  t.is(await textOf(await clientOf(allowing, 'dfs'), 'dfs://h/x'), 'hello from dfs');
});

test.serial('the end of the set is the end of all processes, one in an endless loop included', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'one', { client: 'download: () => { for (;;); },' });
  await addModule(directory, 'two');
  const plugins = pluginSet(t, directory);
  const loop = (await clientOf(plugins, 'one')).download(new Request('one://h/x'));
  await clientOf(plugins, 'two');
  const { pids } = plugins;
  t.is(pids.length, 2);
  await sleep(200);
  await Promise.all([plugins.close(), t.throwsAsync(loop)]);
  for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

/** A program that uses the plugin `one`, and is killed; resolves when it was. */
async function runAndBeKilled(directory: string, temporary: string): Promise<void> {
  const script = join(directory, '..', 'host.mjs');
  const from = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  await writeFile(
    script,
    `import { PluginSet } from ${from('../../src/source/plugin/plugin-set.js')};
     import { Request } from ${from('../../src/source/index.js')};
     const log = { info() {}, warn() {} };
     const plugins = new PluginSet({ directories: [${JSON.stringify(directory)}] }, { isInTree: () => false, log });
     const client = await plugins.clientFor('one');
     client.download(new Request('one://h/x'));
     setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300);`,
  );
  const { code } = await run('env', [`TMPDIR=${temporary}`, process.execPath, script]);
  if (code !== -1) throw new Error(`it ended by itself: ${code}`);
}

test.serial('plugins end with a process that was killed', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'one', { client: 'download: () => { for (;;); },' });
  // Its directory for sockets is left: not in everybody's /tmp.
  await runAndBeKilled(directory, await temporaryDirectory(t));
  await until('they are gone', async () => (await run('pgrep', ['-f', '--', directory])).stdout === '');
  t.pass();
});

test.serial('what a killed process left behind is removed by the next one, and nothing else', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'one');
  const temporary = await temporaryDirectory(t);
  await runAndBeKilled(directory, temporary);
  const [left = ''] = await readdir(temporary);
  const match = /^d7y-plugins-\d+-(\d+)-\w+$/.exec(left);
  t.truthy(match, left);
  const namespace = match?.[1] ?? '';
  const others = [
    'anything',
    'd7y-plugins-abc',
    `d7y-plugins-${process.pid}-${namespace}-alive`,
    `d7y-plugins-999999999-${namespace}0-otherspace`,
  ];
  for (const name of others) await mkdir(join(temporary, name));
  const foreign = `d7y-plugins-999999998-${namespace}-foreign`;
  await mkdir(join(temporary, foreign));
  if (isRoot) await chown(join(temporary, foreign), 1234, 1234);
  await symlink(directory, join(temporary, `d7y-plugins-999999997-${namespace}-link`));

  await runAndBeKilled(directory, temporary);
  const names = await readdir(temporary);
  t.false(names.includes(left));
  t.deepEqual(
    others.filter((name) => !names.includes(name)),
    [],
  );
  t.is(names.includes(foreign), isRoot, 'only what is our own');
  t.true(names.includes(`d7y-plugins-999999997-${namespace}-link`));
  t.is(names.filter((name) => /^d7y-plugins-\d+-\d+-\w{6}$/.test(name)).length, 1, 'its own');
});

test.serial('a plugin has its options, and little of our environment', async (t) => {
  process.env['D7Y_TEST_SECRET'] = 'secret';
  const directory = await pluginDirectory(t);
  await addModule(directory, 'one', {
    attributes: `option: JSON.stringify(option), env: Object.keys(process.env).sort().join(' '), cwd: process.cwd()`,
  });
  const plugins = pluginSet(t, directory, { option: { one: { place: 'value' } } });
  await clientOf(plugins, 'one');
  const { attributes } = plugins.describe('one') ?? {};
  t.is(attributes?.['option'], '{"place":"value"}');
  t.regex(String(attributes?.['env']), /^D7Y_PLUGIN_SOCKET( HOME| LANG| LC_ALL| PATH| TMPDIR| TZ)*$/);
  t.not(attributes?.['cwd'], process.cwd());
});

test.serial('only what others cannot write to is trusted', async (t) => {
  const directory = await pluginDirectory(t);
  const path = await addModule(directory, 'one');
  const uid = process.getuid?.() ?? 0;
  await t.notThrowsAsync(() => checkTrust(path, uid));
  for (const mode of [0o666, 0o646]) {
    await chmod(path, mode);
    await t.throwsAsync(checkTrust(path, uid), { message: /one\.mjs is not trusted: others may write/ });
  }
  await chmod(path, 0o644);
  await chmod(directory, 0o757);
  await t.throwsAsync(checkTrust(path, uid), { message: /plugins is not trusted/ });
  t.regex(JSON.stringify((await scanDirectory(directory, uid)).failure), /is not trusted/);
  await chmod(directory, 0o755);

  const folder = join(directory, 'd7y-resource-plugin-pack');
  await mkdir(join(folder, 'lib'), { recursive: true, mode: 0o755 });
  await writeFile(join(folder, 'lib', 'a.js'), '', { mode: 0o644 });
  await t.notThrowsAsync(() => checkTrust(folder, uid));
  await chmod(join(folder, 'lib', 'a.js'), 0o666);
  await t.throwsAsync(checkTrust(folder, uid), { message: /a\.js is not trusted/ });

  const outside = join(await temporaryDirectory(t), 'loose.mjs');
  await writeFile(outside, '');
  await chmod(outside, 0o666);
  await symlink(outside, join(directory, 'd7y-resource-plugin-link.mjs'));
  await t.throwsAsync(checkTrust(join(directory, 'd7y-resource-plugin-link.mjs'), uid), {
    message: /loose\.mjs is not trusted/,
  });
});

asRootSerially("another user's file is not trusted by root, and its own is by that user", async (t) => {
  const directory = await pluginDirectory(t);
  const path = await addModule(directory, 'one');
  await chown(path, 1234, 1234);
  await t.throwsAsync(checkTrust(path, 0), {
    message: /belongs to user 1234, not to root; chown it, or use another path$/,
  });
  await t.notThrowsAsync(() => checkTrust(path, 1234));
  await t.throwsAsync(checkTrust(path, 1235), { message: /not to root or user 1235/ });
  await t.throwsAsync(async () => await pluginSet(t, directory).clientFor('one'), {
    message: /is not trusted/,
  });
});
