/** `POST /v1/warm`, with a cache that does nothing. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { streamControl } from '../../src/control/control-client.js';
import { ControlServer } from '../../src/control/control-server.js';
import { listen } from '../../src/control/listen.js';
import type { OperatedMount } from '../../src/control/operated-mount.js';
import { WarmJob } from '../../src/control/warm/warm-job.js';
import { WarmJobs } from '../../src/control/warm/warm-jobs.js';
import { warmLine } from '../../src/control/warm/warm-line.js';
import { WarmRoom } from '../../src/control/warm/warm-room.js';
import type { WarmableCache } from '../../src/control/warm/warmable-cache.js';
import { operatedMount } from '../support/operated-mount.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const IDLE: WarmableCache = {
  kindOf: () => Promise.resolve('file'),
  eachEntry: () => Promise.resolve(),
  fetch: () => Promise.resolve(),
  storedPart: () => Promise.resolve({ sizeBytes: 1, storedBytes: 0 }),
  room: () => Promise.resolve(undefined),
};

function warmingMount(jobs: WarmJobs): OperatedMount {
  return operatedMount({
    warm: (options, urls, onLine) => Promise.resolve(jobs.start(options, urls, onLine)),
  });
}

async function served(t: ExecutionContext, jobs: WarmJobs): Promise<string> {
  const path = join(await temporaryDirectory(t), 'x.sock');
  const { close } = await listen({ path }, warmingMount(jobs), 'all');
  t.teardown(close);
  return path;
}

async function connected(t: ExecutionContext, path: string): Promise<Socket> {
  const socket = connect(path).setEncoding('utf8');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

function chunk(line: object): string {
  const text = `${JSON.stringify(line)}\n`;
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const HEAD = 'POST /v1/warm HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n';

test('a long list leaves no listeners behind', async (t) => {
  const path = await served(t, new WarmJobs(IDLE));
  async function* names(): AsyncGenerator<object> {
    const urls = Array.from({ length: 200 }, (_, i) => `http://h/${'x'.repeat(100)}${i}`);
    for (let i = 0; i < 200; i += 1) yield { urls };
  }
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): number => warnings.push(name);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  t.is(await streamControl(path, '/v1/warm', names(), () => undefined, signal), undefined);
  process.off('warning', onWarning);
  t.deepEqual(warnings, []);
});

test('the state of a job shows no signature of a URL', (t) => {
  const { report } = new WarmJob({
    id: 1,
    cache: IDLE,
    options: { isRecursive: false, isCheck: false, isBackground: false, jobs: 1 },
    room: new WarmRoom(IDLE),
    onLine: () => Promise.resolve(),
  });
  const lastFailure = { url: 'https://h/a?X-Amz-Signature=c0ffee', code: 'NOT_FOUND', message: '404' };
  const line = warmLine({ ...report, lastFailure });
  t.is(line.last_failure?.url, 'https://h/a?X-Amz-Signature=…');
});

test('a list may take its time, in the background too', async (t) => {
  const jobs = new WarmJobs(IDLE);
  const server = new ControlServer(warmingMount(jobs), 'all', 100);
  const path = join(await temporaryDirectory(t), 'x.sock');
  const listener = createServer((socket) => server.accept(socket)).listen(path);
  t.teardown(() => {
    server.close();
    listener.close();
  });
  const socket = await connected(t, path);
  let text = '';
  socket.on('data', (part: string) => (text += part));
  socket.write(HEAD + chunk({ urls: ['http://h/a'], background: true }));
  const other = await connected(t, path);
  await once(other, 'close');
  socket.write(`${chunk({ urls: ['http://h/b'] })}0\r\n\r\n`);
  await once(socket, 'close');
  t.regex(text, /^HTTP\/1.1 202/);
});

test('a caller that goes while a failure is found leaves no job behind', async (t) => {
  let find = (): void => undefined;
  const found = new Promise<void>((resolve) => {
    find = resolve;
  });
  const storedPart: WarmableCache['storedPart'] = async () => {
    await found;
    return { sizeBytes: 1, storedBytes: 0 };
  };
  const jobs = new WarmJobs({ ...IDLE, storedPart });
  const socket = await connected(t, await served(t, jobs));
  socket.write(`${HEAD}${chunk({ urls: ['http://h/a'], check: true })}0\r\n\r\n`);
  await once(socket, 'data');
  socket.destroy();
  await until('the job is cancelled', () => jobs.reports[0]?.state === 'cancelled');
  find();
  await until('the job has ended', () => jobs.reports.length === 0);
  t.pass();
});
