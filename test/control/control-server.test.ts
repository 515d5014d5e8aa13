import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { callControl, followControl } from '../../src/control/control-client.js';
import { type ControlScope, ControlServer } from '../../src/control/control-server.js';
import { listen, type Listening } from '../../src/control/listen.js';
import { ControlError } from '../../src/control/control-error.js';
import { AccessLog } from '../../src/mount/access-log.js';
import { parseExposition } from '../support/exposition.js';
import { operatedMount } from '../support/operated-mount.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

interface Served extends Listening {
  readonly path: string;
  readonly call: (
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ) => Promise<{ status: number; text: string }>;
}

async function serve(
  t: ExecutionContext,
  mount = operatedMount(),
  scope: ControlScope = 'all',
): Promise<Served> {
  const path = join(await temporaryDirectory(t), 'x.sock');
  const listening = await listen({ path }, mount, scope);
  t.teardown(listening.close);
  return {
    ...listening,
    path,
    call: (method, at, body) =>
      callControl(path, method, at, { limitMs: 10_000, ...(body === undefined ? {} : { body }) }),
  };
}

test('only the owner may connect to the socket, and it goes when it is closed', async (t) => {
  const { path, close } = await serve(t);
  const found = await stat(path);
  t.true(found.isSocket());
  t.is(found.mode & 0o777, 0o600);
  await close();
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
  await t.throwsAsync(callControl(path, 'GET', '/livez', { limitMs: 1_000 }), { code: 'ENOENT' });
});

test('what serves it is loaded without a connection: its files are others after an upgrade', async (t) => {
  const path = join(await temporaryDirectory(t), 'x.sock');
  let isReplaced = false;
  let isLoaded = false;
  const load = async () => {
    if (isReplaced) throw new Error('no such file');
    isLoaded = true;
    return await import('../../src/control/control-server.js');
  };
  const { close } = await listen({ path }, operatedMount(), 'all', load, 1);
  t.teardown(close);
  await until('it is loaded', () => isLoaded);
  isReplaced = true;
  t.is((await callControl(path, 'GET', '/livez', { limitMs: 10_000 })).status, 200);
});

test('a path that is too long for a socket is refused, not cut off', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'x'.repeat(100));
  await t.throwsAsync(listen({ path }, operatedMount(), 'all'), { message: /at most 107 bytes/ });
  t.deepEqual(await readdir(directory), []);
});

test('it shows a mount', async (t) => {
  const { call } = await serve(t);
  t.is((await call('GET', '/livez')).status, 200);
  t.is((await call('GET', '/readyz')).status, 200);
  const status: unknown = JSON.parse((await call('GET', '/v1/status')).text);
  t.like(status, {
    schema: 1,
    pid: 4711,
    state: 'ready',
    sources: [{ scheme: 's3', host: 'bucket.example.org', state: 'failing', requests: 3, errors: 2 }],
    plugins: [{ scheme: 'pyfs', restarts: 2, last_error: 'it fell' }],
    config: { ok: true },
  });
  const stats: unknown = JSON.parse((await call('GET', '/v1/stats')).text);
  t.like(stats, {
    operations: { lookup: { count: 2, errors: { ENOENT: 1, ESTALE: 1 } } },
    read_bytes: { memory: 200, disk: 100, p2p: 25, source: 50 },
    requests: { sent: 3, retries: 1, received_bytes: 1000 },
  });
  const metrics = await call('GET', '/metrics');
  t.notThrows(() => parseExposition(metrics.text));
});

test('it operates a mount', async (t) => {
  const levels: string[] = [];
  const { call } = await serve(t, operatedMount({ setLogLevel: (level) => levels.push(level) }));
  const reloaded = await call('POST', '/v1/reload');
  t.deepEqual(JSON.parse(reloaded.text), { changed: ['metadataTtl'], needs_remount: ['memory'] });
  t.is((await call('POST', '/v1/log-level', { level: 'debug' })).status, 200);
  t.deepEqual(levels, ['debug']);
  const evicted = await call('POST', '/v1/evict', { urls: ['https://h/a'] });
  t.deepEqual(JSON.parse(evicted.text), { memory: { files: 1, bytes: 2 }, disk: null });
  const forgotten = await call('POST', '/v1/forget', { urls: ['https://h/a', ''] });
  t.deepEqual(JSON.parse(forgotten.text), { files: 2 });
  const pinned = await call('POST', '/v1/pin', { urls: ['https://h/a'], recursive: true });
  t.deepEqual(JSON.parse(pinned.text), {
    pins: [{ url: 'https://h/a', recursive: true, files: 1, bytes: 2 }],
  });
  t.is((await call('POST', '/v1/pin', { urls: ['https:'] })).status, 400);
  t.is((await call('POST', '/v1/unpin', { urls: ['https://h/a'], recursive: 'yes' })).status, 400);
  t.like(JSON.parse((await call('GET', '/v1/pins')).text), { pins: [{ files: null, bytes: null }] });
  for (const urls of [undefined, [], [7], 'x'])
    t.is((await call('POST', '/v1/forget', { urls })).status, 400);
});

test('a fault is an error in JSON', async (t) => {
  const { call } = await serve(
    t,
    operatedMount({
      isReady: () => new Promise(() => undefined),
      reload: () => Promise.reject(new ControlError('CONFIGURATION', 'line 1', 'it stays')),
      report: () => {
        throw new Error('no report');
      },
    }),
  );
  const error = async (method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> => {
    const { status, text } = await call(method, path, body);
    return { status, ...(JSON.parse(text) as { error: object }).error };
  };
  t.deepEqual(await error('POST', '/v1/reload'), {
    status: 422,
    code: 'CONFIGURATION',
    message: 'line 1',
    hint: 'it stays',
  });
  t.like(await error('GET', '/v1/status'), { status: 500, message: 'no report' });
  t.like(await error('GET', '/readyz'), { status: 504, code: 'TIMEOUT' });
  t.like(await error('GET', '/v1/reload'), { status: 405 });
  t.like(await error('GET', '/'), { status: 500, message: 'no report' });
  t.like(await error('GET', '/nothing'), { status: 404 });
  t.like(await error('GET', '/constructor'), { status: 404 });
  t.like(await error('POST', '/v1/log-level', { level: 7 }), { status: 400 });
  t.like(await error('POST', '/v1/log-level', { level: 'x'.repeat(2 << 20) }), { status: 400 });
});

test('for the network there are metrics and health alone, and nothing for pages of the web', async (t) => {
  const listening = await listen({ host: '127.0.0.1', port: 0 }, operatedMount(), 'public');
  t.teardown(listening.close);
  const origin = `http://127.0.0.1:${listening.port}`;
  t.is((await fetch(`${origin}/metrics`)).status, 200);
  t.is((await fetch(`${origin}/livez`)).status, 200);
  t.is((await fetch(`${origin}/v1/status`)).status, 404);
  t.is((await fetch(`${origin}/v1/reload`, { method: 'POST' })).status, 404);
  t.is((await fetch(`${origin}/metrics`, { headers: { origin: 'https://example.org' } })).status, 403);
});

test('work may take its time, and a peer that sends slowly may not', async (t) => {
  const transferMs = 500;
  const evict = async (): Promise<{ memory: { files: number; bytes: number }; disk: undefined }> => {
    await sleep(2 * transferMs);
    return { memory: { files: 1, bytes: 2 }, disk: undefined };
  };
  const control = new ControlServer(operatedMount({ evict }), 'all', transferMs);
  const path = join(await temporaryDirectory(t), 'x.sock');
  const server = createServer((socket) => control.accept(socket)).listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const slow = connect(path).on('error', () => undefined);
  const drip = setInterval(() => slow.write('x'), 50);
  t.teardown(() => clearInterval(drip));
  const { status } = await callControl(path, 'POST', '/v1/evict', { body: { urls: [''] }, limitMs: 60_000 });
  t.is(status, 200);
  if (!slow.destroyed) await once(slow, 'close');
  t.pass();
});

test('connections beyond a limit are closed, and others are served again when those have ended', async (t) => {
  const { path, call } = await serve(t);
  const silent = Array.from({ length: 16 }, () => connect(path));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  await t.throwsAsync(call('GET', '/livez'), { name: 'NoAnswerError' });
  for (const socket of silent) socket.destroy();
  let status = 0;
  while (status !== 200) {
    status = (await call('GET', '/livez').catch(() => ({ status: 0 }))).status;
  }
  t.is(status, 200);
});

test('the access log is followed until the peer goes, or the mount ends', async (t) => {
  const log = new AccessLog();
  const { path, close } = await serve(t, operatedMount({ followAccess: () => log.follow() }));
  const end = new AbortController();
  const lines: string[] = [];
  const following = (async () => {
    for await (const line of followControl(path, '/v1/accesslog', end.signal)) {
      lines.push(line);
      if (lines.length === 2) end.abort();
    }
  })();
  await until('it is followed', () => log.isFollowed);
  for (const name of ['/a', '/b']) log.add({ operation: 'open', path: name, errno: 0, ms: 1 });
  await following;
  t.deepEqual(
    lines.map((line) => line.split('\t')[2]),
    ['/a', '/b'],
  );
  await until('it is left', () => !log.isFollowed);
  const another = (async () => {
    for await (const line of followControl(path, '/v1/accesslog', new AbortController().signal)) t.fail(line);
  })();
  await until('it is followed', () => log.isFollowed);
  await close();
  await t.throwsAsync(another, { name: 'NoAnswerError' });
});
