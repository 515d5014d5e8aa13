/** Azure Blob Storage, against a server of its documents; `npm run test:servers` reads from azurite. */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

import test from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { HeaderFields } from '../../src/source/http/header-fields.js';
import { Request, SourceError } from '../../src/source/index.js';
import { blobAccount, blobPlace } from '../../src/source/schemes/blob/blob-address.js';
import { explainBlobRefusal } from '../../src/source/schemes/blob/blob-refusal.js';
import type { AbsSettings } from '../../src/source/settings.js';
import { startBlobServer } from '../servers/blob/blob-server.js';
import { blobClient } from '../support/blob-client.js';
import { failureOf, read } from '../support/conformance/reading.js';
import { testSource } from '../support/source-conformance.js';

const CONTENT = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 253));
const MD5 = createHash('md5').update(CONTENT).digest();

testSource('abs', async (t) => {
  const server = await startBlobServer(t);
  server.put('data', 'dir/file.bin', CONTENT);
  return {
    client: blobClient(t, server),
    url: 'abs://data/dir/file.bin',
    content: CONTENT,
    supportsRange: true,
    missingUrl: 'abs://data/dir/none',
    directoryUrl: 'abs://data/dir/',
  };
});

test('an account is named by the host, the settings or the environment', (t) => {
  const of = (host: string, settings: AbsSettings = {}): string => {
    const { account, endpoint } = blobAccount(host, settings);
    return `${account} ${endpoint.href}`;
  };
  const host = 'acme.blob.core.windows.net';
  t.is(of(host), `acme https://${host}/`);
  t.is(of('data', { account: 'acme' }), `acme https://${host}/`);
  const endpoint = new URL('http://127.0.0.1:10000');
  t.is(of('data', { account: 'acme', endpoint }), 'acme http://127.0.0.1:10000/acme/');
  t.is(
    of('data', { account: 'acme', endpoint: new URL('https://acme.blob.example') }),
    'acme https://acme.blob.example/',
  );
  const error = t.throws(() => of('data'), { instanceOf: SourceError });
  t.is(error?.code, 'NOT_CONFIGURED');
  // What is signed for an account would be valid there.
  t.throws(() => of('acme.blob.core.windows.net.evil.example'), { instanceOf: SourceError });
  t.deepEqual(blobPlace(new URL(`abs://${host}/data/a%20b/c`)), { container: 'data', key: 'a b/c' });
  t.deepEqual(blobPlace(new URL(`abs://${host}`)), { container: '', key: '' });
  t.deepEqual(blobPlace(new URL('abs://$web/a/b')), { container: '$web', key: 'a/b' });
});

test('a listing has sizes, tags as a read answers them, and directories with and without a marker', async (t) => {
  const server = await startBlobServer(t);
  server.pageSize = 3;
  const odd = ['a b', 'a#b', 'a?b', '100%', 'über', "it's", 'a+b&c', 'ctrl\u0001'];
  for (const name of odd) server.put('data', `odd/${name}`, name);
  server.put('data', 'marked', '', { header: { 'x-ms-meta-hdi_isfolder': 'true' } });
  server.put('data', 'marked/x', 'x');
  server.put('data', 'empty', '', { header: { 'x-ms-meta-hdi_isfolder': 'true' } });
  const client = blobClient(t, server);
  const root = await client.list(new Request('abs://data'));
  t.deepEqual(Object.fromEntries(root.map(({ name, isDir }) => [name, isDir])), {
    empty: true,
    marked: true,
    odd: true,
  });
  const entries = await client.list(new Request('abs://data/odd'));
  t.deepEqual(entries.map(({ name }) => decodeURIComponent(name)).toSorted(), odd.toSorted());
  for (const { url, name, size = 0, etag = '' } of entries) {
    const pin = { etag, contentLength: size };
    t.is(
      String(await read(client, url.href, { pin, range: { start: 0, end: size } })),
      decodeURIComponent(name),
    );
  }
  for (const [url, kind] of [
    ['abs://data/empty', 'directory'],
    ['abs://data/marked', 'directory'],
    ['abs://data/marked/x', 'file'],
    ['abs://data', 'directory'],
  ] as const) {
    const metadata = await client.getMetadata(new Request(url));
    metadata.response?.cancel();
    t.is(metadata.kind, kind, url);
  }
  t.is((await failureOf(client.getMetadata(new Request('abs://none')))).code, 'NOT_FOUND');
});

test('metadata that is called as a property or a name is neither', async (t) => {
  const server = await startBlobServer(t);
  const header = {
    'x-ms-meta-name': 'other',
    'x-ms-meta-etag': '0x1',
    'x-ms-meta-resourcetype': 'directory',
  };
  const { etag } = server.put('data', 'f', 'content', { header });
  const listed = await blobClient(t, server).list(new Request('abs://data'));
  t.deepEqual(
    listed.map(({ name, isDir, etag: tag }) => [name, isDir, tag]),
    [['f', false, etag]],
  );
});

test('credentials of an account are used for it, also after a name of another account at its endpoint', async (t) => {
  const server = await startBlobServer(t);
  server.put('data', 'f', CONTENT);
  const credentials = { kind: 'key', account: server.account, key: literalSecret(server.key) } as const;
  const endpoint = new URL(`${server.origin}/${server.account}/`);
  const client = blobClient(t, server, { settings: { endpoint, credentials } });
  const other = 'abs://otheraccount.blob.core.windows.net/data/f';
  t.not((await failureOf(client.getMetadata(new Request(other)))).code, undefined);
  t.true((await read(client, `abs://${server.account}.blob.core.windows.net/data/f`)).equals(CONTENT));
});

test('a digest that the writer gave is that of the whole blob', async (t) => {
  const server = await startBlobServer(t);
  server.put('data', 'f', CONTENT, { header: { 'x-ms-blob-content-md5': MD5.toString('base64') } });
  const { digest, response } = await blobClient(t, server).getMetadata(new Request('abs://data/f'));
  response?.cancel();
  t.deepEqual(digest, { algorithm: 'md5', hex: MD5.toString('hex') });
  // Azure keeps it as it was when something is appended.
  const header = { 'x-ms-blob-content-md5': MD5.toString('base64'), 'x-ms-blob-type': 'AppendBlob' };
  server.put('data', 'log', Buffer.concat([CONTENT, CONTENT]), { header });
  const appended = await blobClient(t, server).getMetadata(new Request('abs://data/log'));
  appended.response?.cancel();
  t.is(appended.digest, undefined);
});

test('a blob that is replaced while it is read is CHANGED, and its versions can be read', async (t) => {
  const server = await startBlobServer(t);
  const { etag, versionId } = server.put('data', 'f', CONTENT);
  server.put('data', 'f', 'other');
  const client = blobClient(t, server);
  const pinned = { pin: { etag, contentLength: CONTENT.byteLength }, range: { start: 0, end: 10 } };
  t.is((await failureOf(read(client, 'abs://data/f', pinned))).code, 'CHANGED');
  t.true((await read(client, `abs://data/f?versionid=${encodeURIComponent(versionId)}`)).equals(CONTENT));
});

test('a key, a signature in the query, a token, and nothing, each reach what they may', async (t) => {
  const server = await startBlobServer(t);
  server.put('data', 'a/f', CONTENT);
  const sas = server.sas('data', { blob: 'a/' });
  const ofBlobs = blobClient(t, server, {
    settings: { credentials: { kind: 'sas', sas: literalSecret(sas) } },
  });
  t.true((await read(ofBlobs, 'abs://data/a/f')).equals(CONTENT));
  // What is above it can be passed, and cannot be listed.
  t.is((await failureOf(ofBlobs.getMetadata(new Request('abs://data/a')))).code, 'ACCESS_DENIED');
  t.is((await ofBlobs.getMetadata(new Request('abs://data'))).kind, 'directory');
  const denied = await failureOf(ofBlobs.list(new Request('abs://data')));
  t.is(denied.code, 'ACCESS_DENIED');
  t.false(inspect(denied).includes(new URLSearchParams(sas).get('sig') ?? ''));
  const ofToken = blobClient(t, server, {
    settings: {
      credentials: { kind: 'token', token: literalSecret(server.bearer) },
    },
  });
  t.true((await read(ofToken, 'abs://data/a/f')).equals(CONTENT));
  const anonymous = blobClient(t, server, { settings: { credentials: { kind: 'anonymous' } } });
  t.is((await failureOf(read(anonymous, 'abs://data/a/f'))).code, 'NOT_FOUND');
  server.anonymous = 'served';
  t.true((await read(anonymous, 'abs://data/a/f')).equals(CONTENT));
  const key = literalSecret(Buffer.from('wrong').toString('base64'));
  const wrong = await failureOf(
    read(blobClient(t, server, { settings: { credentials: { kind: 'key', key } } }), 'abs://data/a/f'),
  );
  t.deepEqual([wrong.code, /check the key/.test(wrong.message)], ['ACCESS_DENIED', true]);
});

test('each refusal is what its code says', async (t) => {
  const server = await startBlobServer(t);
  server.put('data', 'f', CONTENT);
  const client = blobClient(t, server);
  for (const [refusal, code] of [
    ['BlobArchived', 'ARCHIVED'],
    ['PublicAccessNotPermitted', 'ACCESS_DENIED'],
    ['AuthorizationFailure', 'ACCESS_DENIED'],
    ['ResourceNotFound', 'NOT_FOUND'],
    ['ConditionNotMet', 'CHANGED'],
  ] as const) {
    server.relent();
    server.refuse(refusal);
    t.is((await failureOf(read(client, 'abs://data/f'))).code, code, refusal);
  }
  for (const refusal of ['ServerBusy', 'OperationTimedOut'] as const) {
    server.relent();
    server.refuse(refusal, { times: 1 });
    t.true((await read(client, 'abs://data/f')).equals(CONTENT), refusal);
  }
});

test('a refusal whose code is a name of every object is what its status says', (t) => {
  const url = new URL('https://acme.blob.core.windows.net/data/f');
  const header = new HeaderFields();
  header.set('x-ms-error-code', 'constructor');
  t.like(explainBlobRefusal({ url, status: 403, header, text: '' }, url, undefined), {
    code: 'ACCESS_DENIED',
  });
});
