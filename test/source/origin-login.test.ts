import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { fixedCredentials } from '../../src/source/auth/refreshed-credentials.js';
import { fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { ConfiguredAccess } from '../../src/source/http/configured-access.js';
import { HeaderFields } from '../../src/source/http/header-fields.js';
import { createHttpSource } from '../../src/source/http/http-client.js';
import { OriginLogin } from '../../src/source/http/origin-login.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/index.js';
import { Request } from '../../src/source/request.js';
import type { WebPassword, WebSettings } from '../../src/source/settings.js';
import { startApacheDigest } from '../support/apache.js';
import { createCertificate } from '../support/certificate.js';
import { startDigestServer } from '../support/digest-server.js';
import { bytesOf } from '../support/drained.js';
import { startFaultServer } from '../support/fault-server.js';
import { startLighttpd } from '../support/lighttpd.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

function login(given: Partial<WebPassword> = {}): WebSettings {
  return { credentials: { kind: 'password', user: 'ada', password: literalSecret('hidden'), ...given } };
}

function clientFor(t: ExecutionContext, settingsFor: (url: URL) => WebSettings): CompleteClient {
  const engine = createHttpEngine({ timeoutMs: 5_000, retries: 0, proxyFor: undefined });
  t.teardown(() => engine.close());
  const access = new ConfiguredAccess(settingsFor);
  return createHttpSource(engine, (url) => access.profileFor(url));
}

function always(t: ExecutionContext, settings: WebSettings): CompleteClient {
  return clientFor(t, () => settings);
}

async function read(client: CompleteClient, url: string, start?: number, end = 0): Promise<string> {
  const range = start === undefined ? {} : { range: { start, end } };
  return (await bytesOf(await client.download(new Request(url, range)))).toString();
}

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

for (const algorithm of ['MD5', 'MD5-sess', 'SHA-256', 'SHA-256-sess'] as const) {
  test(`${algorithm}: an origin is asked once, and then each request is authorized, also of parallel ranges`, async (t) => {
    const server = await startDigestServer(t, { algorithm });
    const client = always(t, login());
    const url = `${server.origin}/a%20b?q=%22x%22&y`;
    t.is((await read(client, url)).length, 8_000);
    const parts = await Promise.all(
      Array.from({ length: 16 }, (_, i) => read(client, url, i * 500, (i + 1) * 500)),
    );
    t.is(parts.join(''), 'content '.repeat(1_000));
    t.is(server.refusals(), 1);
    t.is(server.requests.length, 18);
    const counts = server.requests
      .slice(1)
      .map(({ headers }) => Number.parseInt(/nc=(\w+)/.exec(headers.authorization ?? '')?.[1] ?? '', 16));
    t.deepEqual(
      counts.toSorted((a, b) => a - b),
      Array.from({ length: 17 }, (_, i) => i + 1),
    );
  });
}

test('a nonce that is used up is replaced, also where each is good for one request', async (t) => {
  const few = await startDigestServer(t, { usesPerNonce: 3 });
  const client = always(t, login());
  for (let i = 0; i < 9; i += 1) await read(client, `${few.origin}/x`);
  t.is(few.refusals(), 3);
  const one = await startDigestServer(t, { usesPerNonce: 1, isStrict: true });
  const ranges = await Promise.all(
    Array.from({ length: 8 }, (_, i) => read(client, `${one.origin}/x`, i * 1_000, (i + 1) * 1_000)),
  );
  t.is(ranges.join('').length, 8_000);
  for (const { headers } of few.requests) t.notRegex(headers.authorization ?? '', /basic/i);
});

test('a server that has forgotten its nonces is asked again, though it does not call them stale', async (t) => {
  let nowMs = 0;
  const entry = { login: { user: 'ada', password: 'hidden' } };
  const origin = new OriginLogin(new URL('http://host/'), fixedCredentials(entry), undefined, () => nowMs);
  const request = { method: 'GET', url: new URL('http://host/x'), header: {} };
  const challenge = new HeaderFields([['www-authenticate', 'Digest realm="x", nonce="n", qop="auth"']]);
  const refused = async (authorization: string | undefined): Promise<boolean> =>
    await origin.refused({
      url: request.url,
      status: 401,
      header: challenge,
      text: '',
      authorization: { header: authorization === undefined ? {} : { authorization } },
    });
  t.true(await refused(await origin.authorization(request)));
  // A nonce that has just come was refused for the password.
  t.false(await refused(await origin.authorization(request)));
  const sent = await origin.authorization(request);
  nowMs = 6_000;
  t.true(await refused(sent));
  t.true(origin.usesDigest);
});

test('a wrong password is refused after two requests, and no other is tried', async (t) => {
  const server = await startDigestServer(t, { password: 'another' });
  const client = always(t, login());
  const error = await t.throwsAsync(read(client, `${server.origin}/x`), { code: 'ACCESS_DENIED' });
  t.is(server.requests.length, 2);
  t.notRegex(`${error.message}${JSON.stringify(error)}`, /hidden/);
  t.is(
    server.requests.filter(({ headers }) => headers.authorization?.startsWith('Basic') === true).length,
    0,
  );
});

test('a password that was changed is read anew', async (t) => {
  const file = join(await temporaryDirectory(t), 'password');
  await writeFile(file, 'old');
  const server = await startDigestServer(t);
  const client = always(t, login({ password: fileSecret(file) }));
  await t.throwsAsync(read(client, `${server.origin}/x`), { code: 'ACCESS_DENIED' });
  await writeFile(file, 'hidden');
  await until('the file is read again', async () => {
    try {
      return (await read(client, `${server.origin}/x`)).length === 8_000;
    } catch {
      return false;
    }
  });
});

test('over http the password is not sent before the origin asks for it by Basic', async (t) => {
  const challenges = ['Digest realm="x", nonce="n", qop="auth"', 'Basic realm="x"'];
  const both = await startFaultServer(t, ({ headers }, response) =>
    headers.authorization === undefined
      ? response.writeHead(401, { 'www-authenticate': challenges }).end()
      : response.end('x'),
  );
  const only = await startFaultServer(t, ({ headers }, response) =>
    headers.authorization === undefined
      ? response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      : response.end('x'),
  );
  const other = await startFaultServer(t, (_, response) =>
    response.writeHead(401, { 'www-authenticate': 'Negotiate, NTLM' }).end(),
  );
  const client = always(t, login());
  await read(client, `${both.origin}/x`);
  t.regex(both.requests[1]?.headers.authorization ?? '', /^Digest username="ada", realm="x", nonce="n"/);
  for (let i = 0; i < 2; i += 1) await read(client, `${only.origin}/x`);
  const sent = only.requests.map(({ headers }) => headers.authorization);
  t.deepEqual(sent, [undefined, basic('ada:hidden'), basic('ada:hidden')]);
  const error = await t.throwsAsync(read(client, `${other.origin}/x`), { code: 'ACCESS_DENIED' });
  t.like(error, { found: 'status 401, which asks for negotiate, ntlm' });
  t.deepEqual(
    other.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test('after Digest, http gets no password by Basic; nor does any origin of a rule with auth: digest', async (t) => {
  let challenge = 'Digest realm="x", nonce="n", qop="auth"';
  const server = await startFaultServer(t, ({ headers }, response) => {
    const isIn = headers.authorization?.startsWith('Digest') === true && challenge.startsWith('Digest');
    if (isIn) response.end('x');
    else response.writeHead(401, { 'www-authenticate': challenge }).end();
  });
  const client = always(t, login());
  await read(client, `${server.origin}/x`);
  challenge = 'Basic realm="x"';
  await t.throwsAsync(read(client, `${server.origin}/x`), { code: 'ACCESS_DENIED' });
  await t.throwsAsync(read(always(t, login({ auth: 'digest' })), `${server.origin}/x`), {
    code: 'ACCESS_DENIED',
  });
  const sent = server.requests.map(({ headers }) => headers.authorization?.split(' ')[0]);
  t.deepEqual(sent, [undefined, 'Digest', 'Digest', undefined]);
});

test('over https the password goes with the first request, and by Digest where the origin wants that', async (t) => {
  const { certificate, key } = await createCertificate(t, 'IP:127.0.0.1');
  const [cert, ca] = [await readFile(certificate, 'utf8'), certificate];
  const requests: (string | undefined)[] = [];
  const answer = ({ url, headers }: IncomingMessage, response: ServerResponse): void => {
    requests.push(headers.authorization?.split(' ')[0]);
    const wanted = url === '/digest' ? 'Digest' : 'Basic';
    const challenge = `${wanted} realm="x", nonce="n", qop="auth"`;
    if (headers.authorization?.startsWith(wanted) === true) response.end('x');
    else response.writeHead(401, { 'www-authenticate': challenge }).end();
  };
  const server = createTlsServer({ cert, key: await readFile(key, 'utf8') }, answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = always(t, { ...login(), tls: { ca } });
  for (const path of ['basic', 'digest', 'digest', 'basic', 'basic']) await read(client, `${origin}/${path}`);
  t.deepEqual(requests, ['Basic', 'Basic', 'Digest', 'Digest', 'Digest', 'Basic', 'Basic']);
});

test('each origin of a chain is asked for itself, and nothing goes where no rule is', async (t) => {
  const end = await startDigestServer(t, { user: 'bob', password: 'other' });
  const open = await startFaultServer(t, (_, response) =>
    response.writeHead(302, { location: `${end.origin}/end` }).end(),
  );
  const first = await startFaultServer(t, ({ headers }, response) =>
    headers.authorization?.startsWith('Digest') === true
      ? response.writeHead(302, { location: `${open.origin}/away` }).end()
      : response.writeHead(401, { 'www-authenticate': 'Digest realm="x", nonce="n"' }).end(),
  );
  const rules = new Map([
    [first.origin, login()],
    [end.origin, login({ user: 'bob', password: literalSecret('other') })],
  ]);
  const client = clientFor(t, ({ origin }) => rules.get(origin) ?? {});
  t.is((await read(client, `${first.origin}/x`)).length, 8_000);
  t.deepEqual(
    open.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
  const users = (server: typeof open): string[] =>
    server.requests.flatMap(({ headers }) => /username="(\w+)"/.exec(headers.authorization ?? '')?.[1] ?? []);
  t.deepEqual(users(first), ['ada']);
  t.deepEqual(users(end), ['bob']);
});

test('a cluster of Dragonfly gets no login by Digest, which is good for one request', async (t) => {
  const server = await startDigestServer(t);
  const url = new URL(`${server.origin}/x`);
  for (const settings of [login(), login({ auth: 'basic' })]) {
    const access = new ConfiguredAccess(() => settings);
    const engine = createHttpEngine({ timeoutMs: 5_000, retries: 0, proxyFor: undefined });
    t.teardown(() => engine.close());
    const client = createHttpSource(engine, (asked) => access.profileFor(asked));
    const { authorizer } = await access.profileFor(url);
    const isDigest = settings.credentials?.kind === 'password' && settings.credentials.auth === undefined;
    if (isDigest) await read(client, url.href);
    const shared = await authorizer?.share?.({ method: 'GET', url, header: {} }, undefined);
    t.deepEqual(shared, isDigest ? undefined : { header: { authorization: basic('ada:hidden') } });
  }
});

test('Apache and lighttpd let in by Digest, and are asked once', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a b&c.txt'), 'content'.repeat(1_000));
  const apache = await startApacheDigest(t, root);
  const users = join(await temporaryDirectory(t), 'users');
  const hash = createHash('sha256').update('user:the realm:password').digest('hex');
  await writeFile(users, `user:the realm:${hash}\n`);
  const lighttpd = await startLighttpd(t, {
    root,
    modules: ['auth', 'authn_file'],
    directives: [
      'auth.backend = "htdigest"',
      `auth.backend.htdigest.userfile = "${users}"`,
      'auth.require = ("/" => ("method" => "digest", "algorithm" => "SHA-256", "realm" => "the realm", "require" => "valid-user"))',
    ],
  });
  for (const host of [apache.host, lighttpd]) {
    const client = always(t, login({ user: 'user', password: literalSecret('password') }));
    const url = `http://${host}/a%20b&c.txt`;
    t.is((await client.getMetadata(new Request(url))).contentLength, 7_000, host);
    const parts = await Promise.all(
      Array.from({ length: 7 }, (_, i) => read(client, url, i * 1_000, (i + 1) * 1_000)),
    );
    t.is(parts.join(''), 'content'.repeat(1_000), host);
    const wrong = always(t, login({ user: 'user', password: literalSecret('wrong') }));
    await t.throwsAsync(wrong.getMetadata(new Request(url)), { code: 'ACCESS_DENIED' }, host);
  }
  const statuses = (await apache.log()).map((line) => line.split(' ')[0]);
  // The first request, and both of the wrong password.
  t.is(statuses.filter((status) => status === '401').length, 3);
});
