/** How content is read over sftp: in few requests, and none of another version. */
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { fileSecret } from '../../src/source/auth/secret-source.js';
import { bodyReader } from '../../src/source/body-reader.js';
import { Request, type Validators } from '../../src/source/request.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { LONG_AGO } from '../servers/sftp/replies.js';
import { type SftpServer, startSftpServer } from '../servers/sftp/sftp-server.js';
import { type Sshd, SSHD_MISSING, startSshd } from '../servers/sshd.js';
import { assertCode, assertSame, read, stat, validatorsOf } from '../support/conformance/reading.js';
import { sftpClient } from '../support/sftp-client.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;
const CONTENT = pattern(MIB);
const testWithSshd = SSHD_MISSING === undefined ? test : test.skip;

interface SetUp {
  readonly server: SftpServer;
  readonly client: CompleteClient;
  readonly url: string;
  readonly pin: Validators;
}

async function setUp(t: ExecutionContext): Promise<SetUp> {
  const server = await startSftpServer(t);
  server.files.set('/file', { kind: 'file', content: CONTENT });
  const settings = { credentials: { kind: 'anonymous' }, knownHostsFile: server.knownHosts } as const;
  const client = sftpClient(t, { settingsFor: () => settings });
  const url = `sftp://${server.host}/file`;
  return { server, client, url, pin: validatorsOf(await stat(client, url)) };
}

function sshdClient(t: ExecutionContext, { user, directory, knownHosts }: Sshd): CompleteClient {
  const credentials = { kind: 'private key', user, key: fileSecret(join(directory, 'key')) } as const;
  const settings = { credentials, knownHostsFile: knownHosts };
  return sftpClient(t, { settingsFor: () => settings });
}

/** How much of a range was handed over so far. */
async function beginRead({ client, url, pin }: SetUp, end: number) {
  const response = await client.download(new Request(url, { pin, range: { start: 0, end } }));
  const state = { handed: 0 };
  const target = { pieces: [new Uint8Array(end)], onBytes: (bytes: number) => (state.handed = bytes) };
  return { state, reading: bodyReader(response).read(target) };
}

test('a small file of a known version is OPEN, READ and FSTAT, the last two at once', async (t) => {
  const { server, client, url, pin } = await setUp(t);
  server.log.length = 0;
  server.fault = ({ type }) => (type === 'READ' || type === 'FSTAT' ? 'hang' : undefined);
  const abort = new AbortController();
  const range = { start: 0, end: 4096 };
  const response = await client.download(new Request(url, { pin, range, signal: abort.signal }));
  const reading = bodyReader(response).read({ pieces: [new Uint8Array(4096)] });
  await until('both are in flight', () => server.log.length === 3);
  abort.abort();
  await assertCode(reading, 'INTERRUPTED');
  server.log.length = 0;
  server.fault = () => undefined;
  // The same handle serves it.
  assertSame(await read(client, url, { pin, range }), CONTENT.subarray(0, 4096));
  t.deepEqual(
    server.log.map(({ type }) => type),
    ['READ', 'FSTAT'],
  );
});

test('with a latency of 50 ms 2 MiB are in flight, and soon more, and the server may send them all', async (t) => {
  const server = await startSftpServer(t, { limits: { readBytes: 261_120, handles: 0 } });
  const content = pattern(32 * MIB);
  server.files.set('/file', { kind: 'file', content });
  const settings = { credentials: { kind: 'anonymous' }, knownHostsFile: server.knownHosts } as const;
  const client = sftpClient(t, { settingsFor: () => settings });
  let [heldBytes, mostHeldBytes] = [0, 0];
  server.fault = async ({ type, length }) => {
    if (type !== 'READ') return undefined;
    heldBytes += length;
    mostHeldBytes = Math.max(mostHeldBytes, heldBytes);
    await sleep(50);
    heldBytes -= length;
    return undefined;
  };
  assertSame(await read(client, `sftp://${server.host}/file`), content);
  t.true(mostHeldBytes >= 4 * MIB, `${mostHeldBytes} bytes`);
  t.true(server.maxGrantedBytes >= 64 * 7 * 32_768, `${server.maxGrantedBytes} bytes`);
});

test('nothing of another version is handed over, in short reads and long ones', async (t) => {
  for (const end of [4096, MIB]) {
    const set = await setUp(t);
    set.server.files.set('/file', { kind: 'file', content: Buffer.alloc(MIB, 1), mtime: LONG_AGO + 1 });
    const { state, reading } = await beginRead(set, end);
    await assertCode(reading, 'CHANGED');
    t.is(state.handed, 0);
    // What was open is not used again, once the file is what it was.
    set.server.files.set('/file', { kind: 'file', content: CONTENT });
    const opens = set.server.countOf('OPEN');
    assertSame(await read(set.client, set.url, { pin: set.pin }), CONTENT);
    t.is(set.server.countOf('OPEN'), opens + 1);
  }
});

test('nothing is handed over before the version was looked at, however late the server says it', async (t) => {
  for (const end of [4096, MIB]) {
    const set = await setUp(t);
    const { server } = set;
    let release: () => void = () => undefined;
    const released = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
    server.fault = ({ type }) => (type === 'FSTAT' ? released : undefined);
    const { state, reading } = await beginRead(set, end);
    await until('reads are answered', () => server.countOf('READ') > 0 && server.pendingReads === 0);
    // What was sent has arrived when a later answer has.
    await stat(set.client, set.url);
    t.is(state.handed, 0);
    release();
    t.is(await reading, end);
  }
});

test('what came of a file that was not looked at is not used, once its connection is lost', async (t) => {
  for (const end of [4096, MIB]) {
    const { server, client, url, pin } = await setUp(t);
    const file = server.files.get('/file');
    server.files.set('/file', { kind: 'file', content: Buffer.alloc(MIB, 1), mtime: LONG_AGO + 1 });
    let release: () => void = () => undefined;
    const released = new Promise<'cut'>((resolve) => {
      release = () => resolve('cut');
    });
    server.fault = ({ type }) => (type === 'FSTAT' && server.connections === 1 ? released : undefined);
    const reading = read(client, url, { pin, range: { start: 0, end } });
    await until('reads are answered', () => server.countOf('READ') > 0 && server.pendingReads === 0);
    // What was sent has arrived when a later answer has.
    await stat(client, url);
    if (file !== undefined) server.files.set('/file', file);
    release();
    assertSame(await reading, CONTENT.subarray(0, end));
    t.is(server.connections, 2);
  }
});

test('a body that goes on with another connection hands over nothing before the version was looked at', async (t) => {
  const { server, client, url, pin } = await setUp(t);
  server.fault = ({ type, offset }) => {
    if (server.connections === 1) return type === 'READ' && offset >= MIB / 2 ? 'cut' : undefined;
    // Between the look at the name and the open.
    if (type === 'OPEN')
      server.files.set('/file', { kind: 'file', content: Buffer.alloc(MIB, 1), mtime: LONG_AGO + 1 });
    return undefined;
  };
  const memory = Buffer.alloc(MIB);
  let handed = 0;
  const response = await client.download(new Request(url, { pin, range: { start: 0, end: MIB } }));
  const target = { pieces: [memory], onBytes: (bytes: number) => (handed = bytes) };
  await assertCode(bodyReader(response).read(target), 'CHANGED');
  t.is(server.connections, 2);
  t.true(handed > 0);
  assertSame(memory.subarray(0, handed), CONTENT.subarray(0, handed));
});

testWithSshd('bytes are right over many exchanges of keys, on one connection', async (t) => {
  const root = await temporaryDirectory(t);
  const content = pattern(24 * MIB + 5);
  await writeFile(join(root, 'file'), content);
  const sshd = await startSshd(t, { lines: ['RekeyLimit 1M', 'LogLevel DEBUG1'] });
  const client = sshdClient(t, sshd);
  assertSame(await read(client, `sftp://${sshd.host}${root}/file`), content);
  const log = await sshd.log();
  const exchanges = log.match(/rekeying/g)?.length ?? 0;
  t.true(exchanges >= 20, `${exchanges}`);
  t.is(log.match(/Accepted publickey/g)?.length, 1);
});

testWithSshd('a directory in the place of a file is another version', async (t) => {
  const root = await temporaryDirectory(t);
  const file = join(root, 'file');
  await writeFile(file, 'content');
  await utimes(file, LONG_AGO, LONG_AGO);
  const sshd = await startSshd(t);
  const client = sshdClient(t, sshd);
  const url = `sftp://${sshd.host}${file}`;
  const pin = validatorsOf(await stat(client, url));
  await rm(file);
  await mkdir(file);
  await assertCode(read(client, url, { pin }), 'CHANGED');
  await rm(file, { recursive: true });
  await writeFile(file, await readFile(join(sshd.directory, 'key.pub')));
  await assertCode(read(client, url, { pin }), 'CHANGED');
  t.pass();
});
