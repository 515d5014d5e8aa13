import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { defaultNetrc, netrcLogin } from '../../src/source/auth/netrc.js';
import { commandSecret, fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { ConfiguredAccess } from '../../src/source/http/configured-access.js';
import { createHttpSource } from '../../src/source/http/http-client.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/index.js';
import { Request } from '../../src/source/request.js';
import type { WebSettings } from '../../src/source/settings.js';
import { type SourceMatch, SourceRules } from '../../src/source/source-rules.js';
import { type FaultServer, startFaultServer } from '../support/fault-server.js';
import { temporaryDirectory } from '../support/temp.js';

type Rule = readonly [SourceMatch, WebSettings];

function source(t: ExecutionContext, ...given: readonly Rule[]): CompleteClient {
  const rules = new SourceRules(given.map(([match, settings]) => ({ match, settings, origin: '' })));
  const engine = createHttpEngine({ timeoutMs: 5_000, retries: 0, proxyFor: undefined });
  t.teardown(() => engine.close());
  const access = new ConfiguredAccess((url) => rules.settingsFor(url) as WebSettings);
  return createHttpSource(engine, (url) => access.profileFor(url));
}

async function get(client: CompleteClient, url: string): Promise<void> {
  (await client.getMetadata(new Request(url))).response?.cancel();
}

const hostOf = ({ origin }: FaultServer): SourceMatch => ({ schemes: ['http'], host: new URL(origin).host });

/** What was sent to a server that may let in. */
function sent({ requests }: FaultServer): (readonly [string | undefined, unknown])[] {
  return requests.map(({ headers }) => [headers.authorization, headers['x-secret']]);
}

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

test('every kind of credential goes to its origin, and none of it to where a redirect leads', async (t) => {
  const other = await startFaultServer(t, (_, response) => response.end('x'));
  const own = await startFaultServer(t, (_, response) =>
    response.writeHead(302, { location: `${other.origin}/elsewhere` }).end(),
  );
  const file = join(await temporaryDirectory(t), 'netrc');
  await writeFile(file, 'machine 127.0.0.1 login ada password hidden\n', { mode: 0o600 });
  const kinds: [WebSettings, readonly [string | undefined, string | undefined]][] = [
    [{ headers: { 'x-secret': literalSecret('hidden') } }, [undefined, 'hidden']],
    [{ credentials: { kind: 'token', token: literalSecret('hidden') } }, ['Bearer hidden', undefined]],
    [
      { credentials: { kind: 'password', user: 'ada', password: literalSecret('hidden'), auth: 'basic' } },
      [basic('ada:hidden'), undefined],
    ],
    [
      { credentials: { kind: 'command', output: commandSecret(['echo', 'hidden']) } },
      ['Bearer hidden', undefined],
    ],
  ];
  for (const [settings, expected] of kinds) {
    await get(source(t, [hostOf(own), settings]), `${own.origin}/x`);
    t.deepEqual(sent(own).at(-1), expected);
    t.deepEqual(sent(other).at(-1), [undefined, undefined]);
  }
  // A netrc has entries for hosts, whatever their ports: the other server has another name.
  const netrc: WebSettings = { credentials: { kind: 'netrc', file: fileSecret(file) } };
  const named = other.origin.replace('127.0.0.1', 'localhost');
  const elsewhere = await startFaultServer(t, ({ headers }, response) =>
    headers.authorization === undefined
      ? response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      : response.writeHead(302, { location: named }).end(),
  );
  await get(source(t, [{ schemes: ['http'] }, netrc]), `${elsewhere.origin}/x`);
  t.deepEqual(sent(elsewhere), [
    [undefined, undefined],
    [basic('ada:hidden'), undefined],
  ]);
  t.deepEqual(sent(other).at(-1), [undefined, undefined]);
});

test('credentials of two rules never meet: each origin and each path has its own', async (t) => {
  const other = await startFaultServer(t, (_, response) => response.end('x'));
  const own = await startFaultServer(t, ({ url }, response) =>
    url === '/away' ? response.writeHead(302, { location: `${other.origin}/x` }).end() : response.end('x'),
  );
  const token = (text: string): WebSettings => ({
    credentials: { kind: 'token', token: literalSecret(text) },
  });
  const client = source(
    t,
    [hostOf(own), { ...token('own'), headers: { 'x-secret': literalSecret('header') } }],
    [{ ...hostOf(own), path: '/private' }, token('private')],
    [hostOf(other), token('other')],
  );
  for (const path of ['/away', '/private/x', '/x']) await get(client, `${own.origin}${path}`);
  t.deepEqual(sent(own), [
    ['Bearer own', 'header'],
    ['Bearer private', 'header'],
    ['Bearer own', 'header'],
  ]);
  t.deepEqual(sent(other), [['Bearer other', undefined]]);
});

test('a secret that is refused is read anew, and the request is sent once more', async (t) => {
  const file = join(await temporaryDirectory(t), 'token');
  await writeFile(file, 'old');
  let valid = 'Bearer old';
  const server = await startFaultServer(t, ({ headers }, response) =>
    response.writeHead(headers.authorization === valid ? 200 : 401).end('x'),
  );
  const client = source(t, [hostOf(server), { credentials: { kind: 'token', token: fileSecret(file) } }]);
  await get(client, `${server.origin}/x`);
  valid = 'Bearer new';
  await writeFile(file, 'new');
  await get(client, `${server.origin}/x`);
  t.deepEqual(
    sent(server).map(([authorization]) => authorization),
    ['Bearer old', 'Bearer old', 'Bearer new'],
  );
  valid = 'Bearer newer';
  const error = await t.throwsAsync(get(client, `${server.origin}/x`), { code: 'ACCESS_DENIED' });
  t.notRegex(`${error.message}${JSON.stringify(error)}`, /new/);
});

test('a header that is written out goes before the one that credentials make', async (t) => {
  const server = await startFaultServer(t, (_, response) => response.end('x'));
  const settings: WebSettings = {
    headers: { authorization: literalSecret('Own') },
    credentials: { kind: 'token', token: literalSecret('x') },
  };
  await get(source(t, [hostOf(server), settings]), `${server.origin}/x`);
  t.deepEqual(sent(server), [['Own', undefined]]);
});

test('a netrc is read as curl reads it', (t) => {
  const text = [
    '# machine no login no password no',
    'machine a.example login ada password "with \\"quotes\\""',
    'macdef init',
    'machine b.example login no password no',
    '',
    'machine B.example',
    '  login bob',
    '  account x',
    '  password hidden',
    'default login anonymous password guest',
  ].join('\n');
  t.deepEqual(netrcLogin(text, 'a.example'), { user: 'ada', password: 'with "quotes"' });
  t.deepEqual(netrcLogin(text, 'b.example'), { user: 'bob', password: 'hidden' });
  t.deepEqual(netrcLogin(text, 'c.example'), { user: 'anonymous', password: 'guest' });
  t.deepEqual(netrcLogin('machine ::1 login six password x', '[::1]'), { user: 'six', password: 'x' });
  t.is(netrcLogin('machine a login x', 'a'), undefined);
  t.is(netrcLogin('', 'a'), undefined);
});

test.serial('the default netrc is that of $NETRC, and may be missing', async (t) => {
  const server = await startFaultServer(t, ({ headers }, response) =>
    headers.authorization === basic('ada:hidden')
      ? response.end('x')
      : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
  );
  const before = process.env['NETRC'];
  t.teardown(() => {
    if (before === undefined) delete process.env['NETRC'];
    else process.env['NETRC'] = before;
  });
  const file = join(await temporaryDirectory(t), 'netrc');
  process.env['NETRC'] = file;
  const client = (): CompleteClient =>
    source(t, [hostOf(server), { credentials: { kind: 'netrc', file: defaultNetrc() } }]);
  await t.throwsAsync(get(client(), `${server.origin}/x`), { code: 'ACCESS_DENIED' });
  t.deepEqual(sent(server), [[undefined, undefined]]);
  await writeFile(file, 'default login ada password hidden\n');
  await get(client(), `${server.origin}/x`);
  t.is(sent(server).length, 3);
});
