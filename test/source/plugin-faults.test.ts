import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { type CompleteClient, Request } from '../../src/source/index.js';
import { addExample, addModule, clientOf, pluginDirectory, pluginSet, textOf } from '../support/plugins.js';
import type { PluginSet } from '../../src/source/plugin/plugin-set.js';
import { HeaderFields } from '../../src/source/http/header-fields.js';
import { checkResponse } from '../../src/source/plugin/remote-response.js';
import { run } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

const LIMIT_MS = 3_000;
/** An interpreter may take its time to start on a busy machine. */
const START_LIMIT_MS = 6_000;

interface Hosted {
  readonly client: CompleteClient;
  readonly plugins: PluginSet;
}

/** A module that misbehaves for the path /bad only, loaded. */
async function hosted(t: ExecutionContext, bad: string, options: object = {}): Promise<Hosted> {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'evil', {
    client: `download: async ({ url, range }) => { if (url.pathname !== '/bad') return data; ${bad} },`,
  });
  const plugins = pluginSet(t, directory, { callLimitMs: LIMIT_MS, ...options });
  return { client: await clientOf(plugins, 'evil'), plugins };
}

async function isWell(t: ExecutionContext, { client }: Hosted): Promise<void> {
  t.is(await textOf(client, 'evil://h/good'), 'hello from evil');
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'no error',
    (error: unknown) => (error as { code: string }).code,
  );
}

for (const [title, bad, code] of [
  ['a throw', `throw new Error('no')`, 'CLIENT_FAULT'],
  ['a throw of nothing', `throw undefined`, 'CLIENT_FAULT'],
  ['a rejected promise', `return Promise.reject(new Error('no'))`, 'CLIENT_FAULT'],
  [
    'an error with a code of ours',
    `throw Object.assign(new Error('no'), { code: 'ACCESS_DENIED' })`,
    'ACCESS_DENIED',
  ],
  ['a system error', `throw Object.assign(new Error('no'), { code: 'ENOENT' })`, 'NOT_FOUND'],
  ['a body of a wrong type', `return 5`, 'CLIENT_FAULT'],
  ['a body without chunks of bytes', `return (async function* () { yield 5; })()`, 'CLIENT_FAULT'],
  ['a body that throws at once', `return (async function* () { throw new Error('no'); })()`, 'CLIENT_FAULT'],
  [
    'a body that throws later',
    `return (async function* () { yield Buffer.from('x'); throw new Error('no'); })()`,
    'CONNECTION_LOST',
  ],
  ['a body that is too short', `return { body: 'abc', contentLength: 15 }`, 'CONNECTION_LOST'],
  ['a body that is too long', `return { body: 'abc'.repeat(9), contentLength: 15 }`, 'CLIENT_FAULT'],
  ['fewer bytes than the file has', `return 'abc'`, 'PROTOCOL'],
  [
    'fewer bytes, of no stated length',
    `return (async function* () { yield Buffer.from('abc'); })()`,
    'PROTOCOL',
  ],
  [
    'more bytes, of no stated length',
    `return (async function* () { yield Buffer.alloc(99); })()`,
    'PROTOCOL',
  ],
  [
    'an unhandled rejection, and then nothing wrong',
    `Promise.reject(new Error('lost')); throw new Error('no')`,
    'CLIENT_FAULT',
  ],
] as const) {
  // S97
  test.serial(`${title} is ${code} to its caller, and disturbs no other`, async (t) => {
    const evil = await hosted(t, bad);
    await evil.client.getMetadata(new Request('evil://h/bad'));
    const [pid] = evil.plugins.pids;
    t.is(await codeOf(textOf(evil.client, 'evil://h/bad')), code);
    await isWell(t, evil);
    t.deepEqual(evil.plugins.pids, [pid], 'the process stays');
    const { state, lastError } = evil.plugins.describe('evil') ?? {};
    t.is(state, 'loaded');
    if (code === 'CLIENT_FAULT' || code === 'PROTOCOL') t.regex(String(lastError), /evil:\/\/h\/bad/);
    if (code === 'CONNECTION_LOST') t.regex(String(lastError), /broke a connection; it said: \w*Error: \w+/);
  });
}

for (const [title, bad, why] of [
  ['process.exit', 'process.exit(3)', /exit code 3/],
  ['process.abort', 'process.abort()', /SIGABRT/],
  ['a signal to itself', `process.kill(process.pid, 'SIGKILL')`, /SIGKILL/],
  [
    'an uncaught exception',
    `setTimeout(() => { throw new Error('late and loud'); }); await new Promise(() => 0)`,
    /late and loud/,
  ],
] as const) {
  test.serial(`${title} is an error to its caller, and the next call has a new process`, async (t) => {
    const evil = await hosted(t, bad);
    t.is(await codeOf(textOf(evil.client, 'evil://h/bad')), 'CONNECTION_LOST');
    t.regex(String(evil.plugins.describe('evil')?.lastError), why);
    t.is(evil.plugins.describe('evil')?.state, 'restarting');
    await isWell(t, evil);
    t.is(evil.plugins.describe('evil')?.state, 'loaded');
    t.like(evil.plugins.describe('evil'), { counters: { starts: 3 } }, 'the call was tried twice');
  });
}

for (const [title, bad] of [
  ['an endless loop', 'for (;;);'],
  ['a promise that never settles', 'await new Promise(() => 0)'],
  [
    'a body that stops',
    `return { contentLength: 15, body: (async function* () { yield Buffer.from('x'); await new Promise(() => 0); })() }`,
  ],
] as const) {
  // It waits most of the time: not serial.
  test(`${title} is TIMEOUT after the deadline, and the process is replaced`, async (t) => {
    const evil = await hosted(t, bad);
    const [pid] = evil.plugins.pids;
    t.is(await codeOf(textOf(evil.client, 'evil://h/bad')), 'TIMEOUT');
    await isWell(t, evil);
    await until('the old process is gone', () => evil.plugins.pids.length === 1);
    t.not(evil.plugins.pids[0], pid);
  });
}

test('a process that is replaced first ends what it still does for others', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'evil', {
    client: `getContentLength: () => 20,
      download: async ({ url }) => {
        if (url.pathname === '/bad') await new Promise(() => 0);
        return (async function* () {
          for (let i = 0; i < 20; i += 1) { yield Buffer.from('x'); await new Promise((go) => setTimeout(go, 180)); }
        })();
      },`,
  });
  const plugins = pluginSet(t, directory, { callLimitMs: LIMIT_MS });
  const client = await clientOf(plugins, 'evil');
  const stuck = codeOf(textOf(client, 'evil://h/bad'));
  const slow = textOf(client, 'evil://h/slow');
  t.is(await stuck, 'TIMEOUT');
  t.is(plugins.describe('evil')?.state, 'restarting');
  t.is(await slow, 'x'.repeat(20));
});

for (const [title, bad] of [
  [
    'buffers',
    `globalThis.kept = []; for (;;) { kept.push(Buffer.alloc(8 << 20, 1)); await new Promise((go) => setTimeout(go, 5)); }`,
  ],
  [
    'objects',
    `globalThis.kept = []; for (;;) { for (let i = 0; i < 1e5; i += 1) kept.push({ i }); await new Promise((go) => setTimeout(go, 1)); }`,
  ],
] as const) {
  test.serial(`a leak of ${title} ends with the process, not with the machine`, async (t) => {
    const evil = await hosted(t, bad, { memoryBytes: 200 << 20, callLimitMs: 30_000 });
    t.not(await codeOf(textOf(evil.client, 'evil://h/bad')), 'no error');
    const said = String(evil.plugins.describe('evil')?.lastError);
    t.regex(said, /took too much memory|heap out of memory|SIGABRT/i);
    await isWell(t, evil);
  });
}

for (const [title, client, method] of [
  ['a length', `getContentLength: () => 'eleven'`, 'getContentLength'],
  ['a length below all', `getContentLength: () => -17`, 'getContentLength'],
  [
    'range support',
    `getMetadata: () => ({ kind: 'file', contentLength: 1, supportRange: 'yes', lastModified: 1 })`,
    'isSupportRange',
  ],
  [
    'a kind',
    `getMetadata: () => ({ kind: 'pipe', contentLength: 1, supportRange: true, lastModified: 1 })`,
    'getMetadata',
  ],
  [
    'an entity tag',
    `getMetadata: () => ({ kind: 'file', contentLength: 1, supportRange: true, lastModified: 1, etag: 'x'.repeat(1e4) })`,
    'getMetadata',
  ],
  [
    'a mode',
    `getMetadata: () => ({ kind: 'file', contentLength: 1, supportRange: true, lastModified: 1, mode: '0755' })`,
    'getMetadata',
  ],
  ['metadata', `getMetadata: () => null`, 'getMetadata'],
  ['expiry', `isExpired: () => 'perhaps'`, 'isExpired'],
  ['entries', `list: () => ({ length: 1 })`, 'list'],
  ['an entry', `list: () => [{ name: 7 }]`, 'list'],
  ['a null entry', `list: () => [null]`, 'list'],
] as const) {
  test.serial(`a wrong type of ${title} is CLIENT_FAULT`, async (t) => {
    const directory = await pluginDirectory(t);
    await addModule(directory, 'evil', { client: `${client},` });
    const plugins = pluginSet(t, directory);
    const evil = await clientOf(plugins, 'evil');
    const request = new Request('evil://h/x');
    const call = method === 'isExpired' ? evil.isExpired(request, {}) : evil[method](request);
    if (title === 'an entry') t.deepEqual(await call, []);
    else t.is(await codeOf(call as Promise<unknown>), 'CLIENT_FAULT');
  });
}

for (const [title, script, said] of [
  ['never listens', 'sleep 60', /does not listen on its socket/],
  ['ends at once', 'echo why >&2; exit 1', /exit code 1\); it said: why/],
  ['cannot be executed', 'exec /nowhere/at/all', /exit code 127/],
  [
    'answers nothing',
    `exec python3 -c "
import os, socket, time
s = socket.socket(socket.AF_UNIX); s.bind(os.environ['D7Y_PLUGIN_SOCKET']); s.listen(99); time.sleep(60)"`,
    /expected a response within/,
  ],
  [
    'answers nonsense',
    `exec python3 -c "
import os, socket
s = socket.socket(socket.AF_UNIX); s.bind(os.environ['D7Y_PLUGIN_SOCKET']); s.listen(99)
while True:
    c, _ = s.accept()
    try: c.sendall(b'\\0nonsense' * 1000); c.close()
    except OSError: pass"`,
    /describe failed/,
  ],
  [
    'describes itself without end',
    `exec python3 -c "
import os, socket
s = socket.socket(socket.AF_UNIX); s.bind(os.environ['D7Y_PLUGIN_SOCKET']); s.listen(99)
while True:
    c, _ = s.accept()
    try:
        c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 99999999999\\r\\n\\r\\n')
        while True: c.sendall(b'x' * 65536)
    except OSError: pass"`,
    /at most 65536 bytes/,
  ],
  ['floods its standard error', 'yes >&2', /does not listen/],
] as const) {
  test(`a program that ${title} fails to load, and that is remembered`, async (t) => {
    const directory = await pluginDirectory(t);
    const path = join(directory, 'd7y-resource-plugin-prog');
    await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const plugins = pluginSet(t, directory, { startLimitMs: START_LIMIT_MS });
    const error = await t.throwsAsync(async () => await plugins.clientFor('prog'));
    t.regex(error.message, said);
    t.like(plugins.describe('prog'), { state: 'failed', lastError: error.message, counters: { starts: 1 } });
    t.is((await t.throwsAsync(async () => await plugins.clientFor('prog'))).message, error.message);
    t.like(plugins.describe('prog'), { counters: { starts: 1 } }, 'not tried again at once');
    await until('its process is gone', async () => (await run('pgrep', ['-f', '--', path])).stdout === '');
  });
}

test.serial('what a program has started ends with it', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-pyfs');
  const path = join(directory, 'd7y-resource-plugin-prog');
  await writeFile(path, `#!/bin/sh\nsleep 61.${process.pid} &\nexit 1\n`, { mode: 0o755 });
  const plugins = pluginSet(t, directory);
  await t.throwsAsync(async () => await plugins.clientFor('prog'));
  const isGone = async (): Promise<boolean> =>
    (await run('pgrep', ['-f', `sleep 61.${process.pid}`])).stdout === '';
  await t.notThrowsAsync(until('its child is gone', isGone));
});

test.serial('kill -9 of the Python plugin during a read is survived', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-pyfs');
  const root = await temporaryDirectory(t);
  const content = pattern(40_000_000);
  await writeFile(join(root, 'a.bin'), content);
  const plugins = pluginSet(t, directory, { option: { pyfs: { root } } });
  const client = await clientOf(plugins, 'pyfs');
  await client.getMetadata(new Request('pyfs://h/a.bin'));
  for (const range of [undefined, { start: 1_000, end: 39_000_000 }]) {
    const [pid = 0] = plugins.pids;
    const response = await client.download(
      new Request('pyfs://h/a.bin', range === undefined ? {} : { range }),
    );
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      if (bytes === 0) process.kill(pid, 'SIGKILL');
      chunks.push(chunk);
      bytes += chunk.byteLength;
    }
    const expected = range === undefined ? content : content.subarray(range.start, range.end);
    t.is(Buffer.compare(Buffer.concat(chunks), expected), 0);
    t.not(plugins.pids[0], pid);
  }
  t.like(plugins.describe('pyfs'), { state: 'loaded', counters: { starts: 3 } });
});

test.serial('a body does not go on as another version', async (t) => {
  const directory = await pluginDirectory(t);
  await addExample(directory, 'd7y-resource-plugin-pyfs');
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a.bin'), pattern(40_000_000));
  const plugins = pluginSet(t, directory, { option: { pyfs: { root } } });
  const client = await clientOf(plugins, 'pyfs');
  const response = await client.download(new Request('pyfs://h/a.bin'));
  const read = async (): Promise<void> => {
    let isFirst = true;
    for await (const chunk of response.body) {
      if (!isFirst || chunk.byteLength === 0) continue;
      isFirst = false;
      await writeFile(join(root, 'a.bin'), Buffer.alloc(40_000_000));
      process.kill(plugins.pids[0] ?? 0, 'SIGKILL');
    }
  };
  t.is(await codeOf(read()), 'CHANGED');
});

test.serial('a body goes on by a strong entity tag, and not by a weak one', async (t) => {
  for (const [etag, expected] of [
    ['"1"', '0123456789'],
    ['W/"1"', 'CONNECTION_LOST'],
  ] as const) {
    const directory = await pluginDirectory(t);
    const dead = join(directory, 'dead');
    await addModule(directory, 'evil', {
      top: `import { existsSync, writeFileSync } from 'node:fs';`,
      client: `
        getContentLength: () => 10,
        download: () => ({ contentLength: 10, offset: 0, header: { etag: ${JSON.stringify(etag)} }, body: (async function* () {
          if (existsSync('${dead}')) return void (yield Buffer.from('0123456789'));
          writeFileSync('${dead}', '');
          yield Buffer.from('01234');
          await new Promise((resolve) => setTimeout(resolve, 100));
          process.exit(1);
        })() }),`,
    });
    const client = await clientOf(pluginSet(t, directory), 'evil');
    const text = await textOf(client, 'evil://h/x').catch(
      (error: unknown) => (error as { code: string }).code,
    );
    t.is(text, expected);
  }
});

test('a process that keeps dying is started less and less often', async (t) => {
  const evil = await hosted(t, 'process.exit(1)');
  for (let i = 0; i < 30; i += 1) {
    const code = await codeOf(textOf(evil.client, 'evil://h/bad'));
    t.regex(code, /CONNECTION_LOST|CLIENT_FAULT/);
  }
  const { counters, lastError } = evil.plugins.describe('evil') ?? {};
  t.true((counters?.['starts'] ?? 99) < 10, `${counters?.['starts']} starts`);
  t.regex(String(lastError), /exit code 1/);
});

test('a body that ends with its connection is refused: the end of the plugin would end it too', (t) => {
  const request = new Request('test://host/file');
  const check = (...field: [string, string] | []): number | undefined => {
    const header = new HeaderFields();
    if (field.length === 2) header.append(...field);
    return checkResponse(header, request, undefined).lengthBytes;
  };
  t.is(check('transfer-encoding', 'chunked'), undefined);
  t.is(check('content-length', '3'), 3);
  t.throws(() => check(), { name: 'ClientFaultError' });
});
