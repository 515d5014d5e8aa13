/** Which credentials go where, by rules for webdav. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { accessPolicy } from '../../src/source/access-policy.js';
import { commandSecret, fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { type CompleteClient, Request } from '../../src/source/index.js';
import type { WebdavSettings } from '../../src/source/settings.js';
import { type SourceMatch, SourceRules } from '../../src/source/source-rules.js';
import { type Asked, startAnsweringServer } from '../support/answering-server.js';
import { createCertificate } from '../support/certificate.js';
import { codeOf, read, stat } from '../support/conformance/reading.js';
import { startFaultFront } from '../support/fault-front.js';
import { serveFiles } from '../support/multistatus.js';
import { temporaryDirectory } from '../support/temp.js';
import { webdavClient } from '../support/webdav-client.js';

type Rule = readonly [SourceMatch, WebdavSettings];

function client(t: ExecutionContext, ...given: readonly Rule[]): CompleteClient {
  const rules = new SourceRules(given.map(([match, settings]) => ({ match, settings, origin: '' })));
  return webdavClient(t, { settingsFor: (url) => rules.settingsFor(url) as WebdavSettings, retries: 0 });
}

interface AnsweringServer {
  readonly origin: string;
  readonly asked: Asked[];
}

const urlOf = ({ origin }: AnsweringServer, path: string): string =>
  `${origin.replace('http', 'webdav')}${path}`;
const hostOf = ({ origin }: AnsweringServer): SourceMatch => ({
  schemes: ['webdav'],
  host: new URL(origin).host,
});

/** What was sent since the last look. */
function taken({ asked }: AnsweringServer): unknown[] {
  return asked
    .splice(0)
    .map(({ method, target, header }) => [`${method} ${target}`, header.authorization, header['x-secret']]);
}

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
const token = (text: string): WebdavSettings => ({
  credentials: { kind: 'token', token: literalSecret(text) },
});
const files = serveFiles({ f: { content: 'content', etag: '"1"' } });

test('every kind of credential goes to its origin with each request, and none of it to where a redirect leads', async (t) => {
  const other = await startAnsweringServer(t, files);
  const own = await startAnsweringServer(t, ({ target }) => ({
    status: 302,
    header: { location: `${other.origin}${target}` },
    body: '',
  }));
  const kinds: [WebdavSettings, string | undefined, string | undefined][] = [
    [{ headers: { 'x-secret': literalSecret('hidden') } }, undefined, 'hidden'],
    [token('hidden'), 'Bearer hidden', undefined],
    [
      { credentials: { kind: 'password', user: 'ada', password: literalSecret('hidden'), auth: 'basic' } },
      basic('ada:hidden'),
      undefined,
    ],
    [
      { credentials: { kind: 'command', output: commandSecret(['echo', 'hidden']) } },
      'Bearer hidden',
      undefined,
    ],
  ];
  for (const [settings, authorization, secret] of kinds) {
    const webdav = client(t, [hostOf(own), settings]);
    t.is((await webdav.list(new Request(urlOf(own, '/d')))).length, 1);
    const { etag, kind } = await stat(webdav, urlOf(own, '/d/f'));
    t.deepEqual([etag, kind], ['"1"', 'file']);
    const requests = ['PROPFIND /d/', 'GET /d/f'];
    t.deepEqual(
      other.asked.map(({ header }) => header['depth']),
      ['1', undefined],
    );
    t.regex(other.asked[0]?.body ?? '', /propfind/);
    t.deepEqual(
      taken(own),
      requests.map((request) => [request, authorization, secret]),
    );
    t.deepEqual(
      taken(other),
      requests.map((request) => [request, undefined, undefined]),
    );
  }
});

test('over http a password goes where it was asked for, and a netrc has those of its hosts', async (t) => {
  const own = await startAnsweringServer(t, (asked) =>
    asked.header.authorization === undefined
      ? { status: 401, header: { 'www-authenticate': 'Basic realm="dav"' }, body: '' }
      : files(asked),
  );
  const file = join(await temporaryDirectory(t), 'netrc');
  await writeFile(file, 'machine 127.0.0.1 login ada password hidden\n', { mode: 0o600 });
  const webdav = client(t, [
    { schemes: ['webdav'] },
    { credentials: { kind: 'netrc', file: fileSecret(file) } },
  ]);
  await stat(webdav, urlOf(own, '/d/f'));
  t.deepEqual(taken(own), [
    ['PROPFIND /d/f', undefined, undefined],
    ['PROPFIND /d/f', basic('ada:hidden'), undefined],
    ['GET /d/f', basic('ada:hidden'), undefined],
  ]);
});

test('a redirect within an origin keeps what it is authorized by', async (t) => {
  const own = await startAnsweringServer(t, (asked) =>
    asked.target.startsWith('/old/')
      ? { status: 308, header: { location: asked.target.replace('/old', '') }, body: '' }
      : files(asked),
  );
  // The rule is for the path that is requested.
  const webdav = client(t, [{ ...hostOf(own), path: '/old' }, token('hidden')]);
  t.is((await webdav.list(new Request(urlOf(own, '/old/d')))).length, 1);
  t.is((await read(webdav, urlOf(own, '/old/d/f'))).toString(), 'content');
  t.deepEqual(taken(own), [
    ['PROPFIND /old/d/', 'Bearer hidden', undefined],
    ['PROPFIND /d/', 'Bearer hidden', undefined],
    ['GET /old/d/f', 'Bearer hidden', undefined],
    ['GET /d/f', 'Bearer hidden', undefined],
  ]);
});

test('credentials of two rules never meet: each origin and each path has its own', async (t) => {
  const other = await startAnsweringServer(t, files);
  const own = await startAnsweringServer(t, (asked) =>
    asked.target.startsWith('/away/')
      ? { status: 302, header: { location: `${other.origin}/d/f` }, body: '' }
      : files(asked),
  );
  const webdav = client(
    t,
    [hostOf(own), { ...token('own'), headers: { 'x-secret': literalSecret('header') } }],
    [
      { ...hostOf(own), path: '/private' },
      { ...token('private'), root: '/d' },
    ],
    [hostOf(other), token('other')],
  );
  for (const path of ['/away/f', '/private/x', '/d/f']) await codeOf(read(webdav, urlOf(own, path)));
  t.deepEqual(taken(own), [
    ['GET /away/f', 'Bearer own', 'header'],
    ['GET /d/private/x', 'Bearer private', 'header'],
    ['GET /d/f', 'Bearer own', 'header'],
  ]);
  t.deepEqual(taken(other), [['GET /d/f', 'Bearer other', undefined]]);
});

test('https is never left for http', async (t) => {
  const { certificate, key } = await createCertificate(t, 'IP:127.0.0.1');
  const other = await startAnsweringServer(t, files);
  const target = await startAnsweringServer(t, ({ target }) =>
    target.startsWith('/away/')
      ? { status: 302, header: { location: `${other.origin}/d/f` }, body: '' }
      : files({ method: 'PROPFIND', target, header: {}, body: '' }),
  );
  const front = await startFaultFront(t, target.origin, { certificate, key });
  const settings: WebdavSettings = { tls: { ca: certificate } };
  const webdav = webdavClient(t, { settingsFor: () => settings });
  const url = `webdavs://${front.host}`;
  t.is((await webdav.list(new Request(`${url}/d`))).length, 0);
  t.is(await codeOf(webdav.list(new Request(`${url}/away/`))), 'INSECURE_REDIRECT');
  t.is(await codeOf(webdav.list(new Request(`davs://${front.host}/away/`))), 'INSECURE_REDIRECT');
  t.is(other.asked.length, 0);
});

test('a secret that is refused is read anew, and the query is sent once more', async (t) => {
  const file = join(await temporaryDirectory(t), 'token');
  await writeFile(file, 'old');
  let valid = 'Bearer old';
  const own = await startAnsweringServer(t, (asked) =>
    asked.header.authorization === valid ? files(asked) : { status: 401, body: '' },
  );
  const webdav = client(t, [hostOf(own), { credentials: { kind: 'token', token: fileSecret(file) } }]);
  const request = new Request(urlOf(own, '/d'));
  await webdav.list(request);
  valid = 'Bearer new';
  await writeFile(file, 'new');
  await webdav.list(request);
  t.deepEqual(
    own.asked.map(({ header }) => header.authorization),
    ['Bearer old', 'Bearer old', 'Bearer new'],
  );
  valid = 'Bearer newer';
  const error = await t.throwsAsync(webdav.list(request), { code: 'ACCESS_DENIED' });
  t.notRegex(`${error.message}${JSON.stringify(error)}`, /new/);
});

test('what a rule says of webdav holds for dav, and of webdavs for davs, in policies too', (t) => {
  const host = 'nas.example';
  const rules = new SourceRules([
    { match: { schemes: ['webdav'], host }, settings: token('plain'), origin: '' },
    { match: { schemes: ['davs'], host }, settings: token('tls'), origin: '' },
  ]);
  const settings = (scheme: string): unknown => rules.settingsFor(new URL(`${scheme}://${host}/x`));
  t.is(settings('dav'), settings('webdav'));
  t.is(settings('davs'), settings('webdavs'));
  t.not(settings('dav'), settings('davs'));
  const scopes = ['dav', 'webdav', 'davs', 'webdavs'].map((scheme) =>
    rules.scopeFor(new URL(`${scheme}://${host}/x`)),
  );
  t.is(new Set(scopes).size, 2);
  const policy = accessPolicy({
    isShared: true,
    allowed: [],
    policy: { allow: [], deny: [{ scheme: 'webdav', host: 'secret.example', origin: 'deny[0]' }] },
    rules: rules.rules,
  });
  for (const scheme of ['dav', 'webdav']) {
    t.is(policy(undefined, new URL(`${scheme}://secret.example/x`)), 'policy.deny, deny[0]', scheme);
  }
  t.is(policy(undefined, new URL('davs://secret.example/x')), undefined);
  // The host of a rule may be in the network of the mount, others may not.
  t.is(policy('192.168.1.2', new URL(`http://${host}/x`)), undefined);
  t.is(policy('192.168.1.2', new URL(`https://${host}/x`)), undefined);
  t.not(policy('192.168.1.2', new URL('http://other.example/x')), undefined);
});
