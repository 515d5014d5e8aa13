/** hdfs against name nodes and a data node of the tests: refusals, fail-over, tokens, versions, and hostile answers. */
import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';

import test from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import type { HdfsSettings } from '../../src/source/settings.js';
import { startHdfsServer } from '../servers/hdfs/hdfs-server.js';
import { startAnsweringServer } from '../support/answering-server.js';
import { createCertificate } from '../support/certificate.js';
import { failureOf, read, stat } from '../support/conformance/reading.js';
import { listOf } from '../support/conformance/listing-checks.js';
import { startFaultFront, type WholeAnswer } from '../support/fault-front.js';
import { startRawServer } from '../support/fault-server.js';
import { hdfsClient, rootsOf } from '../support/hdfs-client.js';
import { freePort } from '../support/port.js';
import { pattern } from '../support/tree.js';

const FILE = 'hdfs://cluster/dir/file.bin';
const CONTENT = pattern(300_000);
const RANGE = { start: 100_000, end: 200_000 };

const REFUSALS = [
  ['FileNotFoundException', 'File does not exist: /dir/file.bin', 'NOT_FOUND'],
  ['ParentNotDirectoryException', '/dir (is not a directory)', 'NOT_FOUND'],
  ['AccessControlException', '/dir (is not a directory)', 'NOT_FOUND'],
  ['AccessControlException', 'Permission denied: user=ada, access=READ', 'ACCESS_DENIED'],
  ['org.apache.hadoop.security.AccessControlException', 'Permission denied', 'ACCESS_DENIED'],
  ['SecurityException', 'Failed to obtain user group information', 'ACCESS_DENIED'],
  ['InvalidToken', "token can't be found in cache", 'ACCESS_DENIED'],
  ['StandbyException', 'Operation category READ is not supported in state standby', 'BUSY'],
  [
    'SecurityException',
    'Failed to obtain user group information: org.apache.hadoop.security.token.SecretManager$InvalidToken: StandbyException',
    'BUSY',
  ],
  ['RetriableException', 'NameNode still not started', 'BUSY'],
  ['SafeModeException', 'Zero blocklocations. Name node is in safe mode.', 'BUSY'],
  ['IllegalArgumentException', 'Invalid value for webhdfs parameter', 'INVALID_REQUEST'],
  ['UnsupportedOperationException', 'not here', 'INVALID_REQUEST'],
  ['UnresolvedPathException', 'Unresolved path', 'UNEXPECTED_STATUS'],
  ['IOException', 'Failed to find datanode, suggest to check cluster health.', 'UNEXPECTED_STATUS'],
  ['RuntimeException', 'null', 'UNEXPECTED_STATUS'],
] as const;

test('the exception decides what a refusal is, and not the status', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  for (const [exception, message, code] of REFUSALS) {
    server.refuse(exception, { message });
    for (const call of [() => stat(client, FILE), () => read(client, FILE), () => listOf(client, FILE)]) {
      const error = await failureOf(call());
      t.is(error.code, code, `${exception}: ${message}`);
      t.regex(error.found ?? '', new RegExp(exception.split('.').at(-1) ?? ''));
    }
    server.relent();
  }
});

test('what is not WebHDFS is an error, and no missing file', async (t) => {
  const rpc =
    'It looks like you are making an HTTP request to a Hadoop IPC port. This is not the correct port for the web interface on this daemon.';
  for (const [answer, found] of [
    [{ status: 404, body: rpc }, /port of RPC/],
    [{ status: 404, body: '<h2>HTTP ERROR 404 Not Found</h2>' }, /status 404 without a RemoteException/],
    [{ status: 200, body: '<html>login</html>' }, /something else/],
    [{ status: 200, body: '{"FileStatus":{"type":"FILE","pathSuffix":"","length":-1}}' }, /something else/],
    [
      { status: 200, body: '{"FileStatus":{"type":"toString","pathSuffix":"","length":1}}' },
      /something else/,
    ],
    [{ status: 200, body: 'null' }, /something else/],
    [{ status: 200, body: ' '.repeat(100_000) }, /more/],
  ] as const) {
    const server = await startAnsweringServer(t, () => answer);
    const error = await failureOf(stat(hdfsClient(t, { namenodes: rootsOf(server) }), FILE));
    t.is(error.code, 'PROTOCOL');
    t.regex(error.found ?? '', found);
  }
  const kerberos = await startAnsweringServer(t, () => ({
    status: 401,
    header: { 'www-authenticate': 'Negotiate' },
    body: '<html>Authentication required</html>',
  }));
  const error = await failureOf(stat(hdfsClient(t, { namenodes: rootsOf(kerberos) }), FILE));
  t.is(error.code, 'ACCESS_DENIED');
  t.regex(error.message, /Kerberos, which is not supported: configure a delegation token/);
});

test('a file below a file and a name with a slash are missing; the root is a directory', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  for (const url of [`${FILE}/below`, `${FILE}/`, 'hdfs://cluster/dir%2Ffile.bin', 'hdfs://cluster/%ff'])
    t.is((await failureOf(stat(client, url))).code, 'NOT_FOUND', url);
  const { kind, lastModified } = await stat(client, 'hdfs://cluster/');
  t.is(kind, 'directory');
  t.is(lastModified, server.files.root.modifiedMs);
});

test('an entry has the size, the time in milliseconds and the version that a query has', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT, 1_700_000_000_123);
  server.files.put('/dir/sub/file', 'x', 1_700_000_000_456);
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  const [file, directory] = await listOf(client, 'hdfs://cluster/dir/');
  const queried = await stat(client, FILE);
  t.like(file, {
    size: 300_000,
    lastModified: 1_700_000_000_123,
    lastModifiedPrecisionMs: 1,
    etag: queried.etag,
  });
  t.is(queried.lastModified, 1_700_000_000_123);
  t.like(directory, { name: 'sub', isDir: true, lastModified: 1_700_000_000_456, size: undefined });
});

test('a version costs one query, and a range of it three requests', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  const { etag = '', contentLength } = await stat(client, FILE);
  await read(client, FILE, { range: RANGE, pin: { etag, contentLength } });
  const path = '/webhdfs/v1/dir/file.bin';
  t.deepEqual(
    server.log.map(({ uri, status }) => `${uri} ${status}`),
    [
      `${path}?op=GETFILESTATUS 200`,
      `${path}?op=OPEN&offset=100000&length=100000 307`,
      `${path}?op=GETFILESTATUS 200`,
    ],
  );
  t.is(server.dataLog.length, 1);
});

test('the active name node is found, and remembered', async (t) => {
  const { server, nameNodes, stop } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  server.active = 1;
  const client = hdfsClient(t, { namenodes: rootsOf(...nameNodes) });
  t.is((await stat(client, FILE)).contentLength, 300_000);
  t.is(server.log.length, 2);
  await stat(client, FILE);
  t.deepEqual(await read(client, FILE, { range: RANGE }), CONTENT.subarray(RANGE.start, RANGE.end));
  t.is(server.log.filter(({ status }) => status === 403).length, 1);
  // A refusal of the active one is no reason to go to another.
  const before = server.log.length;
  t.is((await failureOf(stat(client, `${FILE}.none`))).code, 'NOT_FOUND');
  t.is(server.log.length, before + 1);
  server.active = 0;
  await stop(1);
  t.is((await read(client, FILE)).byteLength, 300_000);
});

test('a name node that is not there, or silent, is left for the next', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  const silent = await startFaultFront(t, nameNodes[0].origin);
  silent.add({ hangs: true });
  const refusing = { origin: `http://127.0.0.1:${await freePort()}` };
  const unknown = { origin: 'http://name-node.invalid:9870' };
  for (const bad of [silent, refusing, unknown]) {
    const client = hdfsClient(t, { namenodes: rootsOf(bad, nameNodes[0]) }, { timeoutMs: 2_000 });
    t.is((await read(client, FILE)).byteLength, 300_000, bad.origin);
  }
  t.is(silent.requests.length, 1);
  const none = hdfsClient(t, { namenodes: rootsOf(refusing, refusing) }, { timeoutMs: 60_000 });
  t.is((await failureOf(stat(none, FILE))).code, 'CONNECTION_REFUSED');
});

test('requests wait while no name node is active, until the deadline', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  server.active = undefined;
  const patient = hdfsClient(t, { namenodes: rootsOf(...nameNodes) }, { timeoutMs: 60_000 });
  const reading = read(patient, FILE, { range: RANGE });
  while (server.log.length < 8) await new Promise((resolve) => setTimeout(resolve, 20));
  server.active = 1;
  t.deepEqual(await reading, CONTENT.subarray(RANGE.start, RANGE.end));
  server.active = undefined;
  const client = hdfsClient(t, { namenodes: rootsOf(...nameNodes) }, { timeoutMs: 500 });
  const error = await failureOf(stat(client, FILE));
  t.is(error.code, 'BUSY');
  t.regex(error.message, /in standby/);
});

test('safe mode is waited for', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  server.refuse('SafeModeException', { part: 'op=OPEN', times: 2 });
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  t.is((await read(client, FILE)).byteLength, 300_000);
});

test('a token goes to the name nodes alone, and is shown nowhere', async (t) => {
  const { server, nameNodes, dataNode } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  server.token = 'the-delegation-token';
  const data = await startFaultFront(t, dataNode.origin);
  server.dataHost = data.host;
  const secrets = [server.token, server.blockToken, 'blue-team'];
  const client = hdfsClient(t, {
    namenodes: rootsOf(nameNodes[0]),
    credentials: { kind: 'token', token: literalSecret(server.token) },
    headers: { 'x-team': literalSecret('blue-team') },
  });
  const headers: string[] = [];
  data.add({
    meets: (request) => {
      headers.push(JSON.stringify(request.headers));
      return false;
    },
  });
  t.is((await read(client, FILE)).byteLength, 300_000);
  t.true(
    server.log.every(({ uri }) => uri.includes(`delegation=${server.token}`) && !uri.includes('user.name')),
  );
  t.is(data.requests.length, 1);
  const [{ uri } = { uri: '' }] = data.requests;
  t.true(uri.includes(`delegation=${server.blockToken}`));
  t.false((uri + headers.join()).includes('the-delegation-token') || headers.join().includes('blue-team'));
  // Whatever goes wrong then: the errors are made of what was sent.
  for (const fault of [
    { answer: { status: 307, header: { location: uri } } },
    { answer: { status: 403, body: `{"RemoteException":{"exception":"IOException","message":"${uri}"}}` } },
    { answer: { status: 404, body: uri } },
    { cutAfterBytes: 0 },
    { hangs: true },
  ]) {
    data.add(fault);
    const error = await failureOf(
      read(
        hdfsClient(
          t,
          {
            namenodes: rootsOf(nameNodes[0]),
            credentials: {
              kind: 'token',
              token: literalSecret(server.token),
            },
          },
          { timeoutMs: 1_000 },
        ),
        FILE,
      ),
    );
    const { cause: _, ...shown } = error;
    const text = `${error.message} ${inspect(shown)}`;
    for (const secret of secrets) t.false(text.includes(secret), text);
    data.clear();
  }
});

test('the user is that of the rule, of the environment, or none', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  const asked = async (settings: HdfsSettings): Promise<unknown> => {
    server.users.length = 0;
    await stat(hdfsClient(t, { namenodes: rootsOf(nameNodes[0]), ...settings }), 'hdfs://cluster/');
    return server.users[0];
  };
  t.is(await asked({ credentials: { kind: 'user', user: 'a b+c&d' } }), 'a b+c&d');
  t.is(await asked({}), null);
  process.env['HADOOP_USER_NAME'] = 'etl';
  t.teardown(() => delete process.env['HADOOP_USER_NAME']);
  t.is(await asked({}), 'etl');
  t.is(await asked({ credentials: { kind: 'anonymous' } }), null);
});

test('a data node that cannot be reached is named, and may have another name', async (t) => {
  const { server, nameNodes, dataNode } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  server.dataHost = 'dn1.internal.invalid:9864';
  const namenodes = rootsOf(nameNodes[0]);
  const error = await failureOf(read(hdfsClient(t, { namenodes }), FILE));
  t.is(error.code, 'HOST_UNREACHABLE');
  t.regex(error.message, /the data node dn1\.internal\.invalid:9864 cannot be reached/);
  t.regex(error.expected ?? '', /in the setting datanodes/);
  for (const datanodes of [
    { 'dn1.internal.invalid': dataNode.host },
    { 'dn1.internal.invalid:9864': dataNode.host, 'dn1.internal.invalid': 'other.invalid' },
  ]) {
    t.is((await read(hdfsClient(t, { namenodes, datanodes }), FILE)).byteLength, 300_000);
  }
  server.dataHost = `dn1.internal.invalid:${dataNode.port}`;
  const datanodes = { 'dn1.internal.invalid': '127.0.0.1' };
  t.is((await read(hdfsClient(t, { namenodes, datanodes }), FILE)).byteLength, 300_000);
});

test('a data node that fails is tried again, and left out if there are others', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  server.refuse('RuntimeException', { at: 'data', times: 2 });
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  t.is((await read(client, FILE)).byteLength, 300_000);
  t.is(server.dataLog.length, 3);
  const opened = server.log.filter(({ uri }) => uri.includes('op=OPEN'));
  // It is the only one.
  t.deepEqual(
    opened.map(({ uri, status }) => [uri.includes('excludedatanodes=127.0.0.1'), status]),
    [
      [false, 307],
      [true, 403],
      [false, 307],
      [true, 403],
      [false, 307],
    ],
  );
});

test('a data node that is silent leaves time for a replica', async (t) => {
  const { server, nameNodes, dataNode } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  const silent = await startRawServer(t, () => undefined);
  server.dataHost = `localhost:${new URL(silent.origin).port}`;
  server.replicaHost = dataNode.host;
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) }, { timeoutMs: 3_000 });
  t.is((await read(client, FILE)).byteLength, 300_000);
  t.is(silent.requests.length, 1);
});

test('redirects that lead astray are refused', async (t) => {
  const { certificate, key } = await createCertificate(t, 'IP:127.0.0.1');
  const server = await startHdfsServer(t, { cert: await readFile(certificate), key: await readFile(key) });
  server.server.files.put('/dir/file.bin', CONTENT);
  const settings: HdfsSettings = { namenodes: rootsOf(server.nameNodes[0]), tls: { ca: certificate } };
  // With TLS all is well.
  t.is((await read(hdfsClient(t, settings), FILE)).byteLength, 300_000);
  t.is((await failureOf(stat(hdfsClient(t, { ...settings, tls: {} }), FILE))).code, 'TLS');
  // Trust in any certificate is for what the rule names.
  const trusting: HdfsSettings = { ...settings, tls: { verify: false } };
  t.is((await stat(hdfsClient(t, trusting), FILE)).contentLength, 300_000);
  t.is((await failureOf(read(hdfsClient(t, trusting), FILE))).code, 'TLS');
  const named = { ...trusting, datanodes: { '127.0.0.1': '127.0.0.1' } };
  t.is((await read(hdfsClient(t, named), FILE)).byteLength, 300_000);
  server.server.dataHost = server.dataNode.host;
  t.is((await failureOf(read(hdfsClient(t, settings), FILE))).code, 'INSECURE_REDIRECT');
  const plain = await startHdfsServer(t);
  plain.server.files.put('/dir/file.bin', CONTENT);
  const front = await startFaultFront(t, plain.nameNodes[0].origin);
  const client = hdfsClient(t, { namenodes: rootsOf(front) });
  for (const location of ['file:///etc/passwd', 'http://user:pw@127.0.0.1/', 'http://', '', undefined]) {
    const answer: WholeAnswer = { status: 307, header: location === undefined ? {} : { location } };
    front.add({ meets: ({ url }) => url?.includes('op=OPEN') === true, answer });
    const { code } = await failureOf(read(client, FILE));
    // An empty one leads to where it came from.
    t.is(code, location === '' ? 'UNEXPECTED_STATUS' : 'PROTOCOL', location);
    front.clear();
  }
  // One of a query is none of ours, and gets no token.
  front.add({
    answer: { status: 307, header: { location: `${plain.nameNodes[0].origin}/webhdfs/v1/?op=LISTSTATUS` } },
  });
  t.is((await failureOf(stat(client, FILE))).code, 'UNEXPECTED_STATUS');
  t.is(plain.server.log.filter(({ uri }) => uri.includes('op=LISTSTATUS')).length, 0);
});

test('bytes of a file that was replaced before the data node opened it are never those of the other', async (t) => {
  const { server, nameNodes, dataNode } = await startHdfsServer(t);
  const data = await startFaultFront(t, dataNode.origin);
  server.dataHost = data.host;
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  const changes = {
    replaced: () => server.files.put('/dir/file.bin', CONTENT.toReversed(), 1_700_000_000_000),
    appended: () => server.files.append('/dir/file.bin', 'more'),
    'cut short': () => server.files.put('/dir/file.bin', CONTENT.subarray(0, 50_000)),
    'made a directory': () => {
      server.files.remove('/dir/file.bin');
      server.files.put('/dir/file.bin/file', 'x');
    },
  };
  for (const [title, change] of Object.entries(changes)) {
    for (const isPinned of [true, false]) {
      server.files.remove('/dir/file.bin');
      server.files.put('/dir/file.bin', CONTENT, 1_700_000_000_000);
      const { etag = '', contentLength } = await stat(client, FILE);
      data.add({ before: change, times: 1 });
      const options = isPinned ? { range: RANGE, pin: { etag, contentLength } } : { range: RANGE };
      const { code } = await failureOf(read(client, FILE, options));
      t.true(['CHANGED', 'IS_DIRECTORY'].includes(code), `${title}: ${code}`);
    }
  }
});

test('a body that was cut does not go on with another version', async (t) => {
  const { server, nameNodes, dataNode } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  const data = await startFaultFront(t, dataNode.origin);
  server.dataHost = data.host;
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  data.add({ cutAfterBytes: 150_000, times: 1 });
  t.deepEqual(await read(client, FILE), CONTENT);
  t.is(data.requests.length, 2);
  t.true(server.log.some(({ uri }) => uri.includes('offset=150000&length=150000')));
  // Replaced when the rest is requested.
  data.add({ before: () => server.files.put('/dir/file.bin', CONTENT.toReversed()), times: 1 });
  data.add({ cutAfterBytes: 150_000, times: 1 });
  t.is((await failureOf(read(client, FILE))).code, 'CHANGED');
});

test('a body of another length than the range is refused', async (t) => {
  const { server, nameNodes, dataNode } = await startHdfsServer(t);
  server.files.put('/dir/file.bin', CONTENT);
  const data = await startFaultFront(t, dataNode.origin);
  server.dataHost = data.host;
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  for (const body of [CONTENT, CONTENT.subarray(0, 99_999), Buffer.alloc(0)]) {
    data.add({ answer: { status: 200, body } });
    t.is((await failureOf(read(client, FILE, { range: RANGE }))).code, 'PROTOCOL');
    data.clear();
  }
  // Without a length, more and less are noticed at the end.
  server.isHttpFs = true;
  const name = await startFaultFront(t, nameNodes[0].origin);
  const byFront = hdfsClient(t, { namenodes: rootsOf(name) });
  const isOpen = {
    meets: ({ url }: { readonly url?: string | undefined }) => url?.includes('op=OPEN') === true,
  };
  server.lengthError = 1;
  t.is((await failureOf(read(byFront, FILE, { range: RANGE }))).code, 'PROTOCOL');
  server.lengthError = -1;
  t.is((await failureOf(read(byFront, FILE, { range: RANGE }))).code, 'CONNECTION_LOST');
  server.lengthError = 0;
  name.add({ ...isOpen, cutAfterBytes: 1_000, times: 1 });
  t.deepEqual(await read(byFront, FILE, { range: RANGE }), CONTENT.subarray(RANGE.start, RANGE.end));
});

test('a listing that is not what the document says is refused', async (t) => {
  const row = { type: 'FILE', pathSuffix: 'a', length: 1, modificationTime: 1, fileId: 1 };
  const page = (rows: unknown[], more: object): object => ({
    DirectoryListing: { partialListing: { FileStatuses: { FileStatus: rows } }, ...more },
  });
  for (const body of [
    page([row], {}),
    page([row], { remainingEntries: -1 }),
    page([row], { remainingEntries: '1' }),
    page([], { remainingEntries: 1 }),
    // It never ends.
    page([row], { remainingEntries: 1 }),
    page([{ ...row, length: 'x' }], { remainingEntries: 0 }),
    page([null], { remainingEntries: 0 }),
    page([{ ...row, pathSuffix: '' }], { remainingEntries: 0 }),
    page([{ ...row, pathSuffix: 'x'.repeat(100_000) }], { remainingEntries: 0 }),
    { FileStatuses: { FileStatus: [row] } },
    {},
    'nothing',
  ]) {
    const server = await startAnsweringServer(t, () => ({ body }));
    const client = hdfsClient(t, { namenodes: rootsOf(server) });
    t.is(
      (await failureOf(listOf(client, 'hdfs://cluster/'))).code,
      'PROTOCOL',
      JSON.stringify(body).slice(0, 200),
    );
    t.true(server.asked.length <= 2);
  }
  const rows = ['ok', '..', 'a/b', 'x'.repeat(300), 'nul\0', 'half\ud800', 'link'].map((pathSuffix) => ({
    ...row,
    pathSuffix,
    type: pathSuffix === 'link' ? 'SYMLINK' : 'FILE',
  }));
  const server = await startAnsweringServer(t, () => ({ body: page(rows, { remainingEntries: 0 }) }));
  const entries = await listOf(hdfsClient(t, { namenodes: rootsOf(server) }), 'hdfs://cluster/');
  t.deepEqual(
    entries.map(({ name, size }) => [name, size]),
    [
      ['ok', 1],
      ['link', undefined],
    ],
  );
});

test('without LISTSTATUS_BATCH there is one document, which is remembered', async (t) => {
  const { server, nameNodes } = await startHdfsServer(t);
  server.isHttpFs = true;
  server.files.put('/dir/file.bin', CONTENT);
  const client = hdfsClient(t, { namenodes: rootsOf(nameNodes[0]) });
  t.is((await failureOf(listOf(client, 'hdfs://cluster/none/'))).code, 'NOT_FOUND');
  for (let i = 0; i < 2; i += 1) t.is((await listOf(client, 'hdfs://cluster/dir/')).length, 1);
  t.deepEqual(
    server.log.map(({ uri }) => uri.split('?op=')[1]),
    ['LISTSTATUS_BATCH', 'LISTSTATUS', 'LISTSTATUS_BATCH', 'LISTSTATUS', 'LISTSTATUS'],
  );
});
