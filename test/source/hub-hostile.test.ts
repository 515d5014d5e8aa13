/** What a hub could answer that none should. */
import { inspect } from 'node:util';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { type CompleteClient, Request, type SourceError } from '../../src/source/index.js';
import { createHub } from '../../src/source/schemes/hub/create-hub.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { type Asked, type Reply, startAnsweringServer } from '../support/answering-server.js';

const SHA = 'c'.repeat(40);

async function clientOf(
  t: ExecutionContext,
  scheme: string,
  reply: (asked: Asked) => Reply,
  timeoutMs = 5_000,
): Promise<CompleteClient> {
  const { origin } = await startAnsweringServer(t, reply);
  const engine = createHttpEngine({ timeoutMs, retries: 0 });
  t.teardown(() => engine.close());
  const settings = { baseUrl: new URL(origin), credentials: { kind: 'anonymous' } } as const;
  const log = pino({ enabled: false });
  const context = { scheme, engine, settingsFor: () => settings, log, timeoutMs, retries: 0 };
  return validatingClient(createHub(context));
}

for (const [scheme, repository] of [
  ['hf', 'hf://ada/model'],
  ['modelscope', 'modelscope://datasets/ada/data'],
] as const) {
  test(`${scheme}: a listing whose pages have no end, and bring nothing, is an error`, async (t) => {
    let pages = 0;
    const reply = ({ target }: Asked): Reply => {
      if (target.includes('/revision/')) return { body: { sha: SHA } };
      pages += 1;
      // None of them is below the directory.
      const rows = Array.from({ length: 200 }, (_, i) => ({ Path: `other/${pages}/${i}`, Type: 'tree' }));
      if (scheme === 'modelscope') return { body: { Code: 200, Data: { Files: rows } } };
      const next = `<${target.split('?')[0]}?cursor=${pages}>; rel="next"`;
      return { header: { link: next }, body: [] };
    };
    const client = await clientOf(t, scheme, reply, 250);
    await t.throwsAsync(client.list(new Request(repository)), { code: 'TIMEOUT' });
  });
}

test('a file whose content no id names is of the commit that was found, or of no version', async (t) => {
  let sha = SHA;
  const reply = ({ target }: Asked): Reply =>
    target.includes('/revision/')
      ? { body: { sha, lastModified: '2026-01-01T00:00:00Z', siblings: [{ rfilename: 'f', size: 4 }] } }
      : { body: target.includes(SHA) ? 'old.' : 'new.' };
  const client = await clientOf(t, 'opencsg', reply);
  const request = new Request('opencsg://ada/model/f');
  const { etag, supportRange } = await client.getMetadata(request);
  t.deepEqual({ etag, supportRange }, { etag: `"${SHA}"`, supportRange: true });
  sha = 'd'.repeat(40);
  // What was found is kept for a second.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  t.true(await client.isExpired(request, { etag: etag ?? '' }));
  // Without a commit there are no parts of one version.
  const branches = await clientOf(t, 'opencsg', () => ({
    body: {
      lastModified: '2026-01-01T00:00:00Z',
      siblings: [{ rfilename: 'f', size: 4, blobId: 'x'.repeat(1e6) }],
    },
  }));
  const unknown = await branches.getMetadata(request);
  t.like(unknown, { supportRange: false, isLastModifiedWeak: true });
  t.is(unknown.etag, undefined);
  t.true(await branches.isExpired(request, { lastModified: 'Thu, 01 Jan 2026 00:00:00 GMT' }));
});

test('a name without UTF-8 is an error of the hub, not of the source', async (t) => {
  const client = await clientOf(t, 'hf', ({ target }) =>
    target.includes('/revision/')
      ? { body: { sha: SHA } }
      : { body: [{ type: 'file', path: '\ud800', size: 1, oid: SHA }] },
  );
  await t.throwsAsync(client.list(new Request('hf://ada/model')), { code: 'PROTOCOL' });
});

test('of a token that a refusal echoes nothing is shown', async (t) => {
  const token = `hf_${'aB3'.repeat(12)}`;
  for (const [scheme, reply] of [
    ['hf', { status: 403, header: { 'x-error-message': `Your token ${token} is not valid` }, body: '' }],
    ['hf', { status: 404, header: { 'x-error-message': token, 'x-error-code': 'RepoNotFound' }, body: '' }],
    ['modelscope', { body: { Code: 401, Message: `no permission for ${token}` } }],
  ] as const) {
    const client = await clientOf(t, scheme, () => reply);
    const error = await t.throwsAsync<SourceError>(client.list(new Request(`${scheme}://ada/model`)));
    t.false(inspect(error).includes(token), scheme);
  }
});

test('a repository of few files and a million directories is refused at once', async (t) => {
  for (const siblings of [
    [{ rfilename: 'd/'.repeat(100_000) }],
    Array.from({ length: 200 }, (_, i) => ({ rfilename: `${i}/${'d/'.repeat(2_000)}f` })),
  ]) {
    const client = await clientOf(t, 'opencsg', () => ({ body: { sha: SHA, siblings } }));
    await t.throwsAsync(client.list(new Request('opencsg://ada/model')), { code: 'PROTOCOL' });
  }
});
