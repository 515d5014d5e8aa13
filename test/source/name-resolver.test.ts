import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import test, { type ExecutionContext } from 'ava';

import { LookupProcess } from '../../src/source/http/lookup-process.js';
import { type Addresses, type Lookups, NameResolver } from '../../src/source/http/name-resolver.js';
import { asRootSerially } from '../support/conditional-test.js';
import { temporaryDirectory } from '../support/temp.js';

const CHILD = fileURLToPath(new URL('lookup-child.js', import.meta.url));
const SERVER = '127.0.0.153';

/** Answers each name with 127.0.0.9, but those that begin with `hang` never. */
async function startNameServer(t: ExecutionContext): Promise<Socket> {
  const server = createSocket('udp4');
  t.teardown(() => server.close());
  server.on('message', (query, { port, address }) => {
    if (query.subarray(13).toString('latin1').startsWith('hang')) return;
    const end = query.indexOf(0, 12) + 5;
    const isIPv4 = query.readUInt16BE(end - 4) === 1;
    const head = Buffer.from(query.subarray(0, end));
    head.set([0x81, 0x80, 0, 1, 0, isIPv4 ? 1 : 0, 0, 0, 0, 0], 2);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 9]);
    server.send(isIPv4 ? Buffer.concat([head, record]) : head, port, address);
  });
  server.bind(53, SERVER);
  await once(server, 'listening');
  return server;
}

asRootSerially('eight names that hang hold up neither other names nor files', async (t) => {
  await startNameServer(t);
  const conf = join(await temporaryDirectory(t), 'resolv.conf');
  await writeFile(conf, `nameserver ${SERVER}\noptions timeout:2 attempts:1\n`);
  const script = 'mount --bind "$1" /etc/resolv.conf && exec "$2" "$3"';
  const args = ['-m', 'sh', '-c', script, 'sh', conf, process.execPath, CHILD];
  const { stdout } = await promisify(execFile)('unshare', args);
  const ended = JSON.parse(stdout) as string[];
  const [localhost, ...others] = ended.slice(0, 3).toSorted();
  // Of which family it is first depends on /etc/hosts.
  t.regex(localhost ?? '', /^localhost (127\.0\.0\.1|::1)$/);
  t.deepEqual(others, ['one.test 127.0.0.9', 'two.test 127.0.0.9']);
  t.is(ended[3], 'files');
  t.regex(ended[4] ?? '', /^hang\d\.test .*EAI_AGAIN/);
});

test('a getent that knows no kinds of sockets, as the one of musl, is not used', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'getent'), '#!/bin/sh\necho 127.0.0.1 localhost\n', { mode: 0o755 });
  const PATH = `${directory}:${process.env['PATH']}`;
  const start = ((command: string, args: string[], options: object) =>
    spawn(command, args, { ...options, env: { PATH } })) as unknown as typeof spawn;
  const lookups = new LookupProcess(start);
  t.teardown(() => lookups.close());
  await t.throwsAsync(lookups.lookup('localhost'), { code: 'EAI_AGAIN' });
  t.false(lookups.isUsable);
});

test('want of descriptors at the first look-up is not for good', async (t) => {
  let count = 0;
  const start = ((command: string, args: string[], options: object) => {
    count += 1;
    if (count > 1) return spawn(command, args, options);
    // As Node gives it: without streams, and the error comes later.
    const child = new EventEmitter() as ChildProcess;
    process.nextTick(() => child.emit('error', Object.assign(new Error('spawn EMFILE'), { code: 'EMFILE' })));
    return child;
  }) as unknown as typeof spawn;
  const lookups = new LookupProcess(start);
  t.teardown(() => lookups.close());
  await t.throwsAsync(lookups.lookup('localhost'), { code: 'EAI_AGAIN' });
  t.true(lookups.isUsable);
  t.true((await lookups.lookup('localhost')).length > 0);
});

const ONE: Addresses = [{ address: '192.0.2.1', family: 4 }];

function resolver(lookups: Partial<Lookups>): NameResolver {
  const never = (): Promise<Addresses> => new Promise(() => undefined);
  return new NameResolver({ inPool: never, outside: never, close: () => undefined, ...lookups });
}

// S77
test('a name is looked up once for all who ask, and not again for a moment', async (t) => {
  let count = 0;
  const names = resolver({
    inPool: () => {
      count += 1;
      return Promise.resolve(ONE);
    },
  });
  t.deepEqual(await Promise.all([names.resolve('a'), names.resolve('a')]), [ONE, ONE]);
  t.is(await names.resolve('a'), ONE);
  t.is(count, 1);
});

test('one look-up at a time is in the pool, and all are where there is nothing else', async (t) => {
  const asked: string[] = [];
  const names = resolver({
    inPool: (name) => {
      asked.push(`pool ${name}`);
      return name === 'hangs' ? new Promise(() => undefined) : Promise.resolve(ONE);
    },
    outside: (name) => {
      asked.push(`outside ${name}`);
      return name === 'c' ? undefined : Promise.resolve(ONE);
    },
  });
  await names.resolve('a');
  void names.resolve('hangs');
  await names.resolve('b');
  await names.resolve('c');
  t.deepEqual(asked, ['pool a', 'pool hangs', 'outside b', 'outside c', 'pool c']);
});

// S77
test('what a name had is used when there is no answer, but not when there is no such name', async (t) => {
  let answer = Promise.resolve(ONE);
  let nowMs = 0;
  const names = new NameResolver(
    { inPool: () => answer, outside: () => undefined, close: () => undefined },
    () => nowMs,
  );
  const failing = (code: string): Promise<Addresses> =>
    Promise.reject(Object.assign(new Error(code), { code }));
  await names.resolve('a');
  nowMs = 60_000;
  answer = failing('EAI_AGAIN');
  t.is(await names.resolve('a'), ONE);
  answer = new Promise(() => undefined);
  t.is(await names.resolve('a'), ONE);
  const other = resolver({ inPool: () => failing('ENOTFOUND') });
  await t.throwsAsync(other.resolve('a'), { message: 'ENOTFOUND' });
});
