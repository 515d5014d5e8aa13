import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { Request } from '../../src/source/request.js';
import { testPlugin } from '../../src/source/plugin/test-plugin.js';
import { addExample, addModule, clientOf, pluginDirectory, pluginSet } from '../support/plugins.js';
import { testSource } from '../support/source-conformance.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

testSource('module plugin d7yfs', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-d7yfs.mjs');
  return {
    client: await clientOf(pluginSet(t, directory), 'd7yfs'),
    url: 'd7yfs://host:56001/path/to/resource',
    content: Buffer.from('hello world'),
    supportsRange: false,
  };
});

testSource('python plugin pyfs', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-pyfs');
  const root = await temporaryDirectory(t);
  const content = pattern(200_000);
  await writeFile(join(root, 'a file.bin'), content);
  return {
    client: await clientOf(pluginSet(t, directory, { option: { pyfs: { root } } }), 'pyfs'),
    url: 'pyfs://host/a%20file.bin',
    content,
    supportsRange: true,
    missingUrl: 'pyfs://host/missing',
    directoryUrl: 'pyfs://host/',
  };
});

testSource('module plugin with everything', async (t) => {
  const directory = await pluginDirectory(t);
  const content = pattern(200_000);
  await writeFile(join(directory, '..', 'content'), content);
  await addModule(directory, 'full', {
    top: `
      import { readFileSync } from 'node:fs';
      import { newResponse, NotFoundError, ChangedError } from 'd7y-mount/plugin';
      const bytes = readFileSync(${JSON.stringify(join(directory, '..', 'content'))});
      const check = ({ url, pin }) => {
        if (url.pathname !== '/a.bin') throw new NotFoundError(url);
        if (pin?.etag !== undefined && pin.etag !== '"1"') throw new ChangedError(url, {});
      };`,
    client: `
      getContentLength: (request) => { check(request); return bytes.length; },
      getMetadata: async (request) => { check(request); return {
        kind: 'file', contentLength: bytes.length, supportRange: true, lastModified: 1e12, etag: '"1"' }; },
      isSupportRange: () => true,
      getLastModified: () => 1e12,
      isExpired: (request, { etag }) => etag !== '"1"',
      download: (request) => {
        check(request);
        const { start = 0, end = bytes.length } = request.range ?? {};
        const part = bytes.subarray(start, Math.min(end, bytes.length));
        return newResponse((async function* () { yield part; })(), { header: { etag: '"1"' } });
      },
      list: (request) => [
        { name: 'a.bin', url: new URL('a.bin', request.url), isDir: false, size: bytes.length },
      ],`,
  });
  return {
    client: await clientOf(pluginSet(t, directory), 'full'),
    url: 'full://host/a.bin',
    content,
    supportsRange: true,
    missingUrl: 'full://host/missing',
    directoryUrl: 'full://host/',
  };
});

test('permissions of a plugin are those of its metadata and its listing', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-pyfs');
  await addModule(directory, 'modes', {
    client: `
      getContentLength: () => 1,
      getMetadata: async ({ url }) => ({
        kind: url.pathname === '/dir' ? 'directory' : 'file', contentLength: 1, supportRange: false, lastModified: 1,
        mode: url.pathname === '/dir' ? 0o750 : 0o755 }),
      isSupportRange: () => false,
      getLastModified: () => 1,
      isExpired: () => false,
      download: () => 'x',
      list: () => [{ name: 'script', isDir: false, size: 1, mode: 0o755 }, { name: 'dir', isDir: true, mode: 0o750 },
        { name: 'odd', isDir: false, size: 1, mode: '755' }],`,
  });
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'script'), 'x');
  await mkdir(join(root, 'dir'));
  await chmod(join(root, 'script'), 0o755);
  await chmod(join(root, 'dir'), 0o750);
  const plugins = pluginSet(t, directory, { option: { pyfs: { root } } });
  for (const scheme of ['pyfs', 'modes']) {
    const client = await clientOf(plugins, scheme);
    const listed = await client.list(new Request(`${scheme}://h/`));
    const modes = Object.fromEntries(listed.map(({ name, mode }) => [name, mode && mode & 0o777]));
    t.like(modes, { script: 0o755, dir: 0o750 }, scheme);
    t.is(modes['odd'], undefined);
    for (const name of ['script', 'dir']) {
      const { mode = 0 } = await client.getMetadata(new Request(`${scheme}://h/${name}`));
      t.is(mode & 0o777, modes[name] ?? -1, `${scheme} ${name}`);
    }
  }
});

test('testPlugin passes a right plugin, and lists every fault of a wrong one', async (t) => {
  const facts = { url: 'd7yfs://host/any', supportsRange: false };
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-d7yfs.mjs');
  const path = join(directory, 'd7y-resource-plugin-d7yfs.mjs');
  await t.notThrowsAsync(() => testPlugin(path, { ...facts, content: Buffer.from('hello world') }));
  const error = await t.throwsAsync(() =>
    testPlugin(path, { ...facts, content: Buffer.from('hello moon'), supportsRange: true }),
  );
  t.like(error, { name: 'PluginConformanceError', code: 'PLUGIN_CONFORMANCE' });
  t.regex(error.message, /breaks the contract.*\n- the length.*\n- a download.*\n- a ranged/s);
  await t.throwsAsync(
    () => testPlugin(join(directory, 'd7y-resource-plugin-none.mjs'), { ...facts, content: Buffer.of() }),
    {
      message: /is no plugin: there is none/,
    },
  );
});
