import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

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
