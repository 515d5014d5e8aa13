/** Hubs of models, against a hub that the hubs' own clients read too (test/servers/hub.test.ts). */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

import test from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { Request, type UrlEntry } from '../../src/source/index.js';
import { startHub } from '../servers/hub.js';
import { hubClient } from '../support/hub-client.js';
import { failureOf, read } from '../support/conformance/reading.js';
import { testSource } from '../support/source-conformance.js';
import { until } from '../support/until.js';

const LARGE = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
function shown(entries: readonly UrlEntry[]): unknown[] {
  return entries
    .map(({ name, isDir, size }) => [decodeURIComponent(name), isDir ? 'directory' : size])
    .toSorted((a, b) => String(a[0]).localeCompare(String(b[0])));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

for (const kind of ['hf', 'modelscope', 'opencsg'] as const) {
  testSource(kind, async (t) => {
    const hub = await startHub(t, kind);
    hub.commit(hub.repository('models', 'Ada/model_1'), { 'dir/weights.bin': LARGE });
    return {
      client: hubClient(t, kind, hub.origin),
      url: `${kind}://Ada/model_1/dir/weights.bin`,
      content: LARGE,
      supportsRange: true,
      missingUrl: `${kind}://Ada/model_1/dir/none`,
      directoryUrl: `${kind}://Ada/model_1/dir/`,
    };
  });

  test(`${kind}: a repository is a directory of files with their sizes and digests, whatever the names`, async (t) => {
    const hub = await startHub(t, kind);
    hub.pageSize = 3;
    const names = ['a b', 'a#b', 'a?b', '100%', 'über', '日本語', "it's", 'a+b;c=d@e', '.hidden'];
    const data = hub.repository('datasets', 'ada/data');
    hub.commit(data, { ...Object.fromEntries(names.map((name) => [`odd/${name}`, name])), 'x.bin': LARGE });
    const client = hubClient(t, kind, hub.origin);
    const root = `${kind}://datasets/ada/data`;
    t.deepEqual(shown(await client.list(new Request(root))), [
      ['odd', 'directory'],
      ['x.bin', LARGE.byteLength],
    ]);
    const odd = await client.list(new Request(`${root}/odd`));
    t.deepEqual(
      shown(odd),
      shown(
        names.map((name) => ({
          name: encodeURIComponent(name),
          url: new URL(root),
          isDir: false,
          size: Buffer.byteLength(name),
        })),
      ),
    );
    for (const { url, name } of odd) t.is(String(await read(client, url.href)), decodeURIComponent(name));
    const { kind: found, contentLength, digest } = await client.getMetadata(new Request(`${root}/x.bin`));
    t.deepEqual([found, contentLength, digest?.hex], ['file', LARGE.byteLength, sha256(LARGE)]);
    for (const url of [`${kind}://datasets`, `${kind}://ada`, root, `${root}/odd`]) {
      t.is((await client.getMetadata(new Request(url))).kind, 'directory', url);
    }
    for (const url of [`${kind}://ada/none`, `${root}/none`, `${root}/odd/none`, `${root}/x.bin/none`]) {
      t.is((await failureOf(client.getMetadata(new Request(url)))).code, 'NOT_FOUND', url);
    }
  });

  test(`${kind}: an open version stays as it is when its branch moves on`, async (t) => {
    const hub = await startHub(t, kind);
    const model = hub.repository('models', 'ada/model');
    hub.commit(model, { 'f.bin': LARGE });
    const client = hubClient(t, kind, hub.origin);
    const url = `${kind}://ada/model/f.bin`;
    const { etag = '', contentLength } = await client.getMetadata(new Request(url));
    const other = Buffer.from(LARGE.toReversed());
    hub.commit(model, { 'f.bin': other });
    const pin = { etag, contentLength };
    t.true((await read(client, url, { pin, range: { start: 5, end: 105 } })).equals(LARGE.subarray(5, 105)));
    // What was found is kept for a second.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    t.true(await client.isExpired(new Request(url), { etag }));
    const changed = await client.getMetadata(new Request(url));
    t.not(changed.etag, etag);
    t.true((await read(client, url, { range: { start: 0, end: 9 } })).equals(other.subarray(0, 9)));
    t.true(
      (await read(client, url, { pin, range: { start: 200, end: 300 } })).equals(LARGE.subarray(200, 300)),
    );
    const unknown = { pin: { etag: '"other"', contentLength }, range: { start: 0, end: 9 } };
    t.is((await failureOf(read(client, url, unknown))).code, 'CHANGED');
  });

  test(`${kind}: the token goes to the hub, and to no host that it leads to`, async (t) => {
    const hub = await startHub(t, kind);
    const model = hub.repository('models', 'ada/private');
    model.access = 'private';
    hub.commit(model, { 'f.bin': LARGE });
    const token = { credentials: { kind: 'token', token: literalSecret(hub.token) } } as const;
    // The other host refuses requests with an Authorization.
    t.true(
      (await read(hubClient(t, kind, hub.origin, { settings: token }), `${kind}://ada/private/f.bin`)).equals(
        LARGE,
      ),
    );
    const without = await failureOf(
      hubClient(t, kind, hub.origin).getMetadata(new Request(`${kind}://ada/private/f.bin`)),
    );
    t.true(['NOT_FOUND', 'ACCESS_DENIED'].includes(without.code), without.code);
  });
}

test('hf: revisions are part of the name, encoded or not', async (t) => {
  const hub = await startHub(t);
  const model = hub.repository('models', 'ada/model');
  const first = hub.commit(model, { f: 'first' });
  hub.commit(model, { f: 'second' });
  hub.commit(model, { f: 'of a pull request' }, { revision: 'refs/pr/1' });
  const client = hubClient(t, 'hf', hub.origin);
  for (const [revision, content] of [
    ['', 'second'],
    ['@main', 'second'],
    [`@${first.sha}`, 'first'],
    ['@refs%2Fpr%2F1', 'of a pull request'],
    ['@refs/pr/1', 'of a pull request'],
  ] as const) {
    t.is(String(await read(client, `hf://ada/model${revision}/f`)), content, revision);
  }
  t.is((await failureOf(client.getMetadata(new Request('hf://ada/model@none/f')))).code, 'NOT_FOUND');
  const ofRule = hubClient(t, 'hf', hub.origin, { settings: { revision: 'refs/pr/1' } });
  t.is(String(await read(ofRule, 'hf://ada/model/f')), 'of a pull request');
});

test('hf: an owner is a directory of repositories, and one that lists none an empty one', async (t) => {
  const hub = await startHub(t);
  hub.pageSize = 2;
  for (const name of ['a', 'b', 'c_', 'D'])
    hub.commit(hub.repository('datasets', `ada/${name}`), { f: name });
  hub.commit(hub.repository('models', 'ada/model'), { f: 'x' });
  const client = hubClient(t, 'hf', hub.origin);
  t.deepEqual(
    shown(await client.list(new Request('hf://datasets/ada'))),
    ['a', 'b', 'c_', 'D'].map((name) => [name, 'directory']),
  );
  t.deepEqual(shown(await client.list(new Request('hf://ada'))), [['model', 'directory']]);
  t.deepEqual(await client.list(new Request('hf://nobody')), []);
  t.is((await failureOf(client.list(new Request('hf://datasets')))).code, 'LIST_NOT_SUPPORTED');
});

test('hf: a refusal says what to do', async (t) => {
  const hub = await startHub(t);
  const gated = hub.repository('models', 'ada/gated');
  gated.access = 'gated';
  hub.commit(gated, { f: 'x' });
  const request = new Request('hf://ada/gated/f');
  const open = await failureOf(hubClient(t, 'hf', hub.origin).getMetadata(request));
  t.deepEqual([open.code, /accept its terms/.test(open.expected ?? '')], ['ACCESS_DENIED', true]);
  t.is(open.url, 'hf://ada/gated/f');
  const wrong = { credentials: { kind: 'token', token: literalSecret('hf_wrong') } } as const;
  const denied = await failureOf(hubClient(t, 'hf', hub.origin, { settings: wrong }).getMetadata(request));
  t.deepEqual([denied.code, denied.expected], ['ACCESS_DENIED', 'a valid token']);
  t.false(inspect(denied).includes('hf_wrong'));
});

test('hf: a limit of requests is waited for', async (t) => {
  const hub = await startHub(t);
  hub.commit(hub.repository('models', 'ada/model'), { f: 'x' });
  hub.rateLimit = '"api";r=0;t=1';
  const reading = hubClient(t, 'hf', hub.origin).getMetadata(new Request('hf://ada/model/f'));
  const beganAtMs = performance.now();
  await until('the limit is met', () => hub.log.some(({ status }) => status === 429));
  hub.rateLimit = undefined;
  t.is((await reading).kind, 'file');
  t.true(performance.now() - beganAtMs > 900);
});

test('hf: what was listed is read by its redirect alone', async (t) => {
  const hub = await startHub(t);
  hub.commit(hub.repository('models', 'ada/model'), { 'f.bin': LARGE, 'g.txt': 'g' });
  const client = hubClient(t, 'hf', hub.origin);
  const entries = await client.list(new Request('hf://ada/model'));
  t.is(hub.log.length, 2);
  for (const { url, etag = '', size = 0 } of entries)
    await read(client, url.href, { pin: { etag, contentLength: size } });
  t.deepEqual([hub.log.length, hub.cdn.log.length], [4, 1]);
});

test('modelscope: a listing that may be cut is refused', async (t) => {
  const hub = await startHub(t, 'modelscope');
  const files = Object.fromEntries(Array.from({ length: 3_001 }, (_, i) => [`${i}`, 'x']));
  hub.commit(hub.repository('models', 'ada/model'), files);
  hub.commit(hub.repository('datasets', 'ada/data'), files);
  const client = hubClient(t, 'modelscope', hub.origin);
  t.is((await failureOf(client.list(new Request('modelscope://ada/model')))).code, 'PROTOCOL');
  t.is((await client.list(new Request('modelscope://datasets/ada/data'))).length, 3_001);
  t.is((await failureOf(client.list(new Request('modelscope://ada/model@none')))).code, 'NOT_FOUND');
});
