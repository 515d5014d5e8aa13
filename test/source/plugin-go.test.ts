import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { Request } from '../../src/source/index.js';
import { testPlugin } from '../../src/source/plugin/test-plugin.js';
import { testWhere } from '../support/conditional-test.js';
import { buildGoPlugin, findGo } from '../support/go.js';
import { CLI, mounted, run } from '../support/mounted.js';
import { clientOf, pluginDirectory, pluginSet, textOf } from '../support/plugins.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

/** Compiling the standard library for the first time takes its time. */
const BUILD_LIMIT_MS = 600_000;

const go = findGo();
const withGo = testWhere(go !== undefined, 'the command go', test.serial);

/** One test of a plugin in Go, compiled. */
function testGo(
  title: string,
  name: string,
  body: (t: ExecutionContext, directory: string, program: string) => Promise<void>,
): void {
  withGo(title, async (t) => {
    if (go === undefined) return t.fail();
    t.timeout(BUILD_LIMIT_MS);
    const directory = await pluginDirectory(t);
    const program = await buildGoPlugin(go, name, await temporaryDirectory(t), directory);
    await body(t, directory, program);
  });
}

testGo("Dragonfly's example in Go is a plugin by one more line", 'd7yfs', async (t, directory, program) => {
  await t.notThrowsAsync(() =>
    testPlugin(program, {
      url: 'd7yfs://host:56001/path/to/resource',
      content: Buffer.from('hello world'),
      supportsRange: false,
    }),
  );
  const command = await run(process.execPath, [CLI, 'plugin', '--strict', '--plugin-dir', directory]);
  t.is(command.code, 0, command.stderr);
  t.is(
    command.stdout.split('\n').at(-2),
    'resource plugin: d7yfs, location: d7y-resource-plugin-d7yfs, attribute: {"buildCommit":"unknown",' +
      '"buildTime":"unknown","name":"d7yfs","scheme":"d7yfs","type":"resource","vendor":"d7y"}',
  );
  const mnt = await mounted(t, '--plugin-dir', directory);
  t.is((await run('cat', [`${mnt}/d7yfs/host:56001/path/to/resource`])).stdout, 'hello world');
  t.regex((await run('stat', ['-c', '%s', `${mnt}/d7yfs/host:56001/path/to/resource`])).stdout, /^11$/m);
});

testGo('all of the interface in Go goes through the adapter', 'memory', async (t, directory, program) => {
  const content = pattern(3_000_000);
  const file = join(await temporaryDirectory(t), 'content');
  await writeFile(file, content);
  await t.notThrowsAsync(() =>
    testPlugin(program, {
      option: { file },
      url: 'memory://host/a%20file.bin',
      content,
      supportsRange: true,
      missingUrl: 'memory://host/missing',
      directoryUrl: 'memory://host/',
    }),
  );
  const client = await clientOf(pluginSet(t, directory, { option: { memory: { file } } }), 'memory');
  const request = new Request('memory://host/a%20file.bin');
  const response = await client.download(request);
  response.cancel();
  const info = response.expireInfo();
  t.like(info, { etag: '"1"', lastModified: 'Mon, 01 Jan 2024 00:00:00 GMT' });
  t.false(await client.isExpired(request, info));
  t.true(await client.isExpired(request, { ...info, etag: '"2"' }));
  for (const [path, code] of [
    ['gone', 'NOT_FOUND'],
    ['missing', 'NOT_FOUND'],
    ['refused', 'ACCESS_DENIED'],
    // Part of a body is never taken for the whole.
    ['breaks', 'CONNECTION_LOST'],
    ['panics', 'CONNECTION_LOST'],
  ]) {
    t.like(await t.throwsAsync(textOf(client, `memory://host/${path}`)), { code }, path);
  }
  t.is(await textOf(client, request.url.href).then((text) => text.length > 0), true, 'it goes on');
});

testGo("what DragonflyPluginInit says is the plugin's error", 'memory', async (t, directory) => {
  const plugins = pluginSet(t, directory, { option: { memory: { file: '/nowhere' } } });
  await t.throwsAsync(async () => await plugins.clientFor('memory'), {
    message: 'open /nowhere: no such file or directory',
  });
});
