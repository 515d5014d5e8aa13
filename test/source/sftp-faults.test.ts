/** What a server does to sftp that a real one cannot be made to do. */
import { type AddressInfo, createServer } from 'node:net';

import test, { type ExecutionContext } from 'ava';

import { bodyReader } from '../../src/source/body-reader.js';
import { Request } from '../../src/source/request.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { REPLY, packet, STATUS, string, uint32 } from '../../src/source/schemes/sftp/packet.js';
import { data, LONG_AGO, names, status } from '../servers/sftp/replies.js';
import { type SftpServer, type SftpServerOptions, startSftpServer } from '../servers/sftp/sftp-server.js';
import {
  assertCode,
  assertSame,
  failureOf,
  read,
  stat,
  validatorsOf,
} from '../support/conformance/reading.js';
import { type SftpClientOfTest, sftpClient } from '../support/sftp-client.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;
const CONTENT = pattern(3 * MIB + 17);
const REVERSED = Buffer.from(CONTENT.toReversed());

interface SetUp {
  readonly server: SftpServer;
  readonly client: CompleteClient;
  readonly url: string;
}

async function setUp(
  t: ExecutionContext,
  options: Partial<SftpClientOfTest> & SftpServerOptions = {},
): Promise<SetUp> {
  const server = await startSftpServer(t, options);
  server.files.set('/file', { kind: 'file', content: CONTENT });
  const settings = {
    credentials: { kind: 'anonymous' },
    knownHostsFile: server.knownHosts,
  } as const;
  const client = sftpClient(t, { settingsFor: () => settings, ...options });
  return { server, client, url: `sftp://${server.host}/file` };
}

/** However busy the machine is. */
async function untilConnected(client: CompleteClient, url: string): Promise<void> {
  await until('a session', async () => (await stat(client, url).catch(() => undefined)) !== undefined);
}

test('many reads of one file are in flight, of which each is as long as the server allows', async (t) => {
  for (const [limits, length] of [
    [undefined, 32_768],
    [{ readBytes: 261_120, handles: 100 }, 229_376],
  ] as const) {
    const { server, client, url } = await setUp(t, { ...(limits && { limits }) });
    let release: () => void = () => undefined;
    const released = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
    server.fault = ({ type }) => (type === 'READ' ? released : undefined);
    const reading = read(client, url);
    // The first of them, before anything has come, and so before the window grows.
    await until('reads are in flight', () => server.pendingReads > 0);
    release();
    assertSame(await reading, CONTENT);
    // Five times as fast as one after the other.
    t.true(server.maxPendingReads >= 8, `${server.maxPendingReads} of ${length}`);
    t.is(Math.max(...server.log.map((request) => request.length)), length);
    t.is(server.countOf('OPEN'), 1);
  }
});

test('a range of a megabyte is asked for at once', async (t) => {
  const { server, client, url } = await setUp(t);
  server.fault = ({ type }) => (type === 'READ' ? 'hang' : undefined);
  const abort = new AbortController();
  const response = await client.download(
    new Request(url, { range: { start: 0, end: MIB }, signal: abort.signal }),
  );
  const pieces = Array.from({ length: 32 }, () => new Uint8Array(32_768));
  const reading = bodyReader(response).read({ pieces });
  await until('32 reads are in flight', () => server.pendingReads === 32);
  abort.abort();
  await assertCode(reading, 'INTERRUPTED');
  t.pass();
});

test('short answers are asked on, and later questions are as short', async (t) => {
  const { server, client, url } = await setUp(t, { limits: { readBytes: 261_120, handles: 0 } });
  server.fault = ({ type, id, offset, length }) =>
    type === 'READ' && length > 10_000 ? data(id, CONTENT.subarray(offset, offset + 10_000)) : undefined;
  assertSame(await read(client, url), CONTENT);
  const long = server.log.filter(({ type, length }) => type === 'READ' && length > 10_000);
  t.true(long.length < 120, `${long.length} questions were longer than the answers`);
});

test('a body goes on after lost connections, and each byte comes once', async (t) => {
  const { server, client, url } = await setUp(t);
  server.fault = ({ type, offset }) =>
    type === 'READ' && offset >= MIB && server.connections <= 2 ? 'cut' : undefined;
  assertSame(await read(client, url), CONTENT);
  t.is(server.connections, 3);
});

test('a file that changes while it is read is CHANGED: in its size, its time, or its content', async (t) => {
  for (const change of ['shorter', 'longer', 'later', 'replaced after a cut'] as const) {
    const { server, client, url } = await setUp(t);
    const pin = validatorsOf(await stat(client, url));
    let reads = 0;
    server.fault = ({ type }) => {
      if (type !== 'READ' || ++reads !== 40) return undefined;
      const content = { shorter: CONTENT.subarray(0, MIB), longer: Buffer.concat([CONTENT, CONTENT]) };
      server.files.set('/file', {
        kind: 'file',
        content: change === 'shorter' || change === 'longer' ? content[change] : REVERSED,
        mtime: LONG_AGO + (change === 'later' || change === 'replaced after a cut' ? 1 : 0),
      });
      return change === 'replaced after a cut' ? 'cut' : undefined;
    };
    await assertCode(read(client, url, { pin }), 'CHANGED');
    await assertCode(read(client, url, { pin, range: { start: 0, end: 10 } }), 'CHANGED');
    server.fault = () => undefined;
    t.is((await read(client, url)).length, server.files.get('/file')?.content?.length ?? 0);
  }
});

test('more content than was asked for, none, and content of another request are errors', async (t) => {
  const answers: Readonly<Record<string, (id: number, length: number) => Buffer>> = {
    more: (id, length) => data(id, Buffer.alloc(length + 1)),
    none: (id) => data(id, Buffer.alloc(0)),
    'of another': (id) => data(id + 1_000_000, Buffer.alloc(10)),
    'a handle': (id) => packet(REPLY.HANDLE, id, string(Buffer.from('x'))),
    'OK instead': (id) => status(id, STATUS.OK),
    'an endless packet': () =>
      Buffer.concat([uint32(0xffffffff), Buffer.from([REPLY.STATUS]), Buffer.alloc(100)]),
    'a packet of nothing': () => uint32(0),
    'more in the field than in the packet': (id) =>
      packet(REPLY.ATTRS, id, string(Buffer.alloc(3)).subarray(0, 5)),
  };
  for (const [what, answer] of Object.entries(answers)) {
    const { server, client, url } = await setUp(t, { retries: 0 });
    server.fault = ({ type, id, length }) => (type === 'READ' ? answer(id, length) : undefined);
    const { code } = await failureOf(read(client, url));
    t.is(code, 'PROTOCOL', what);
    server.fault = () => undefined;
    assertSame(await read(client, url), CONTENT);
  }
});

test('a server that hangs is a timeout, of whatever it does not answer', async (t) => {
  const types = ['STAT', 'OPEN', 'READ', 'FSTAT', 'OPENDIR', 'READDIR'] as const;
  const calls = types.map(async (type) => {
    const { server, client, url } = await setUp(t, { timeoutMs: 3_000, retries: 0 });
    await untilConnected(client, url);
    server.fault = (request) => (request.type === type ? 'hang' : undefined);
    const isListing = type.endsWith('DIR');
    const call = isListing ? client.list(new Request(`sftp://${server.host}/`)) : read(client, url);
    await assertCode(call, 'TIMEOUT');
  });
  await Promise.all(calls);
  t.pass();
});

test('a host that hangs before there is a session is a timeout, and one without SFTP a clear error', async (t) => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const { server, client, url } = await setUp(t, { timeoutMs: 1_500, retries: 0 });
  server.subsystem = 'hangs';
  await Promise.all([
    assertCode(stat(client, `sftp://127.0.0.1:${port}/file`), 'TIMEOUT'),
    assertCode(stat(client, url), 'TIMEOUT'),
  ]);
  const refusing = await setUp(t);
  refusing.server.subsystem = 'refused';
  const error = await failureOf(stat(refusing.client, refusing.url));
  t.is(error.code, 'PROTOCOL');
  t.is(error.found, 'no subsystem of SFTP');
  t.is(refusing.server.connections, 1);
});

test('one request that is not answered is a timeout, however much else comes', async (t) => {
  const { server, client, url } = await setUp(t, { timeoutMs: 3_000, retries: 0 });
  await untilConnected(client, url);
  server.fault = ({ type, path }) => (type === 'STAT' && path === '/hanging' ? 'hang' : undefined);
  const state = { isOver: false };
  const hanging = assertCode(stat(client, `sftp://${server.host}/hanging`), 'TIMEOUT').finally(() => {
    state.isOver = true;
  });
  let answers = 0;
  while (!state.isOver) {
    await stat(client, url).catch(() => undefined);
    answers += 1;
  }
  await hanging;
  t.true(answers > 3);
});

test('a refusal is ACCESS_DENIED, and what the server says is no secret of ours', async (t) => {
  const { server, client, url } = await setUp(t);
  server.fault = ({ type, id }) => (type === 'STAT' ? status(id, STATUS.PERMISSION_DENIED, 'no') : undefined);
  const error = await failureOf(stat(client, url));
  t.is(error.code, 'ACCESS_DENIED');
  t.is(error.found, 'status 3, no');
  server.fault = ({ type, id }) => (type === 'STAT' ? status(id, STATUS.FAILURE, 'x'.repeat(99)) : undefined);
  t.is((await failureOf(stat(client, url))).found, 'status 4, …');
});

test('names that lead elsewhere are not shown; names of any bytes are, and can be read', async (t) => {
  const lines: string[] = [];
  const { server, client } = await setUp(t, { lines });
  const file = { kind: 'file', content: Buffer.from('x') } as const;
  const bytes = Buffer.from('caf\xe9', 'latin1');
  server.fault = ({ type, id }) => {
    if (type === 'READDIR' && server.countOf('READDIR') > 1) return status(id, STATUS.EOF);
    if (type === 'READDIR') {
      return names(id, [
        ['.', { kind: 'directory' }],
        ['..', { kind: 'directory' }],
        ['', file],
        ['../../etc/passwd', file],
        ['a/b', file],
        ['nul\0nul', file],
        [bytes, file],
        ['good', file],
      ]);
    }
    return undefined;
  };
  const entries = await client.list(new Request(`sftp://${server.host}/`));
  t.deepEqual(
    entries.map(({ name }) => name),
    ['caf%E9', 'good'],
  );
  t.is(lines.filter((line) => line.includes('"hidden":3')).length, 1, lines.join());
  for (const name of ['a%2Fb', '%00', '..%2F..%2Fetc%2Fpasswd']) {
    const before = server.log.length;
    await assertCode(stat(client, `sftp://${server.host}/${name}`), 'NOT_FOUND');
    t.is(server.log.length, before, name);
  }
});

test('a listing without end, in circles or of empty replies, is an error', async (t) => {
  for (const entries of [[['a', { kind: 'file' }]], []] as const) {
    const { server, client } = await setUp(t);
    server.fault = ({ type, id }) => (type === 'READDIR' ? names(id, entries) : undefined);
    await assertCode(client.list(new Request(`sftp://${server.host}/`)), 'PROTOCOL');
    t.true(server.countOf('READDIR') < 1_100);
    await until('the directory is closed', () => server.countOf('CLOSE') === 1);
  }
});

test('a listing that is cut is no shorter listing', async (t) => {
  const { server, client } = await setUp(t);
  for (let i = 0; i < 500; i += 1) server.files.set(`/${i}`, { kind: 'file', content: Buffer.alloc(i) });
  t.is((await client.list(new Request(`sftp://${server.host}/`))).length, 501);
  const before = server.countOf('READDIR');
  let cuts = 1;
  server.fault = ({ type }) => {
    const isThird = type === 'READDIR' && server.countOf('READDIR') >= before + 3 && cuts > 0;
    if (isThird) cuts -= 1;
    return isThird ? 'cut' : undefined;
  };
  await assertCode(client.list(new Request(`sftp://${server.host}/`)), 'CONNECTION_LOST');
  t.is((await client.list(new Request(`sftp://${server.host}/`))).length, 501);
});

test('links are what they point to, and one that leads above itself is not there', async (t) => {
  const { server, client } = await setUp(t);
  const root = `sftp://${server.host}`;
  server.files.set('/dir', { kind: 'directory' });
  server.files.set('/dir/inner', { kind: 'file', content: Buffer.from('inner') });
  for (const [name, target] of [
    ['to-file', '/file'],
    ['to-nothing', '/none'],
    ['to-pipe', '/pipe'],
    ['to-root', '/'],
    ['to-itself', '/dir'],
    ['to-other', '/other'],
  ] as const) {
    server.files.set(`/dir/${name}`, { kind: 'link', target });
  }
  server.files.set('/pipe', { kind: 'pipe' });
  server.files.set('/other', { kind: 'directory' });
  server.files.set('/other/back', { kind: 'link', target: '/dir' });
  const listed = async (path: string): Promise<string[]> =>
    (await client.list(new Request(`${root}${path}`)))
      .map(({ name, isDir, size }) => `${name} ${isDir ? 'directory' : size}`)
      .toSorted();
  t.deepEqual(await listed('/dir'), ['inner 5', `to-file ${CONTENT.length}`, 'to-other directory']);
  // By the name `dir` one comes to `other`, and from there to `dir` no more.
  t.deepEqual(await listed('/dir/to-other'), []);
  t.deepEqual(await listed('/other'), ['back directory']);
  t.is((await stat(client, `${root}/dir/to-file`)).contentLength, CONTENT.length);
  t.is((await stat(client, `${root}/dir/to-other`)).kind, 'directory');
  for (const name of ['to-nothing', 'to-pipe', 'to-root', 'to-itself', 'to-other/back'])
    await assertCode(stat(client, `${root}/dir/${name}`), 'NOT_FOUND');
  await assertCode(read(client, `${root}/pipe`), 'NOT_FOUND');
  t.is(server.log.filter(({ type, path }) => type === 'OPEN' && path === '/pipe').length, 0);
});

test('a file that was changed just now is not known by its time', async (t) => {
  const { server, client, url } = await setUp(t);
  // However long the test takes.
  const soon = Math.floor(Date.now() / 1000) + 600;
  server.files.set('/file', { kind: 'file', content: CONTENT, mtime: soon });
  const metadata = await stat(client, url);
  t.regex(metadata.etag ?? '', /^W\//);
  t.true(metadata.isLastModifiedWeak);
  const [entry] = await client.list(new Request(`sftp://${server.host}/`));
  t.is(entry?.etag, undefined);
  server.files.set('/file', { kind: 'file', content: CONTENT });
  t.deepEqual(await stat(client, url), {
    kind: 'file',
    contentLength: CONTENT.length,
    supportRange: true,
    lastModified: LONG_AGO * 1000,
    mode: 0o644,
    etag: `"${LONG_AGO.toString(16)}-${CONTENT.length.toString(16)}"`,
  });
});
