/** By which way requests reach their host: through forward proxies, over Unix sockets, with TLS settings. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';

import test, { type ExecutionContext } from 'ava';

import { addressPolicy } from '../../src/source/address-policy.js';
import type { HttpEngine, HttpRequest, HttpRoute } from '../../src/source/http/http-engine.js';
import type { HttpEngineOptions } from '../../src/source/http/http-options.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { environmentProxy, Routes } from '../../src/source/http/route.js';
import { Request, SourceError } from '../../src/source/index.js';
import { startApacheProxy } from '../support/apache.js';
import { createCertificate } from '../support/certificate.js';
import { startFaultServer, startRawServer } from '../support/fault-server.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';
import { drained } from '../support/drained.js';

const CONTENT = pattern(1 << 20);
/** What of the head of a request has come, as the body. */
const SHOW_HEAD = `location /head {
  return 200 "$http_host|$http_proxy_authorization|$http_authorization|$ssl_client_s_dn";
}`;

function engineFor(t: ExecutionContext, options: Partial<HttpEngineOptions> = {}): HttpEngine {
  const engine = createHttpEngine({ timeoutMs: 5_000, retries: 0, proxyFor: undefined, ...options });
  t.teardown(() => engine.close());
  return engine;
}

async function textOf(engine: HttpEngine, url: string, request: Partial<HttpRequest> = {}): Promise<string> {
  const caller = new Request('made-up://bucket/key');
  const answer = await engine.fetchText({ url: new URL(url), allowed: [200], ...request }, caller, 1 << 20);
  return answer.text;
}

async function failure(t: ExecutionContext, work: Promise<unknown>): Promise<SourceError> {
  return await t.throwsAsync(work, { instanceOf: SourceError });
}

function digestOf(bytes: Uint8Array | readonly Uint8Array[]): string {
  const hash = createHash('sha1');
  for (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) hash.update(chunk);
  return hash.digest('hex');
}

async function startTls(
  t: ExecutionContext,
  serverDirectives = SHOW_HEAD,
): Promise<{ origin: string; ca: string; port: number }> {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'f.bin'), CONTENT);
  const files = await createCertificate(t, 'IP:127.0.0.1');
  const { origin } = await startNginx(t, { root, tls: files, serverDirectives });
  return { origin, ca: await readFile(files.certificate, 'utf8'), port: Number(new URL(origin).port) };
}

async function startPlain(t: ExecutionContext, serverDirectives = SHOW_HEAD): Promise<string> {
  const { origin } = await startNginx(t, { root: await temporaryDirectory(t), serverDirectives });
  return origin;
}

// S118
test('a request for http goes to the proxy in absolute form, and its credentials not to the origin', async (t) => {
  const origin = await startPlain(t);
  const proxy = await startApacheProxy(t, { password: 'hunter2' });
  const url = new URL(proxy.url);
  url.username = 'user';
  url.password = 'hunter2';
  const engine = engineFor(t, { proxyFor: () => url.href });
  t.is(await textOf(engine, `${origin}/head`), `${new URL(origin).host}|||`);
  t.deepEqual(await proxy.log(), [`GET ${origin}/head HTTP/1.1 200`]);
  const refused = textOf(engineFor(t, { proxyFor: () => proxy.url.href }), `${origin}/head`);
  t.like(await failure(t, refused), { code: 'ACCESS_DENIED', status: 407 });
});

test('a request for https goes through a tunnel that is kept, and the proxy sees only the host', async (t) => {
  const { origin, ca, port } = await startTls(t);
  const proxy = await startApacheProxy(t, { connectPort: port, password: 'hunter2' });
  const route: HttpRoute = {
    key: 'by a proxy',
    proxy: proxy.url,
    proxyAuthorization: `Basic ${Buffer.from('user:hunter2').toString('base64')}`,
  };
  const engine = engineFor(t, { ca });
  t.is(await textOf(engine, `${origin}/head?signature=1`, { route }), `127.0.0.1:${port}|||`);
  t.is(await textOf(engine, `${origin}/head`, { route }), `127.0.0.1:${port}|||`);
  await engine.close();
  await until('the tunnel is logged', async () => (await proxy.log()).length > 0);
  t.deepEqual(await proxy.log(), [`CONNECT 127.0.0.1:${port} HTTP/1.1 200`]);
  const denied = textOf(engineFor(t, { ca }), origin, { route: { ...route, proxyAuthorization: 'Basic x' } });
  t.like(await failure(t, denied), { code: 'ACCESS_DENIED', found: 'status 407' });
});

test('a large body through a tunnel is the body, whether its sink waits or not', async (t) => {
  const { origin, ca, port } = await startTls(t);
  const { url } = await startApacheProxy(t, { connectPort: port });
  const engine = engineFor(t, { ca, proxyFor: () => url.href });
  for (const waitMs of [undefined, 0, 1]) {
    const request = { url: new URL(`${origin}/f.bin`), allowed: [200] };
    const { body } = await engine.send(request, new Request('made-up://bucket/key'));
    const copies: Uint8Array[] = [];
    await drained(body, (chunk) => {
      if (waitMs === undefined) return void copies.push(Uint8Array.from(chunk));
      return sleep(waitMs).then(() => void copies.push(Uint8Array.from(chunk)));
    });
    t.is(digestOf(copies), digestOf(CONTENT), String(waitMs));
  }
});

/** Tunnels byte by byte, so that an end of either side is one of the other. */
async function startTunnels(
  t: ExecutionContext,
  tls?: { readonly cert: Buffer; readonly key: Buffer },
): Promise<string> {
  const serve: RequestListener = ({ url }, response) => void response.end(`the proxy got ${url}`);
  const created = tls === undefined ? createHttpServer(serve) : createHttpsServer(tls, serve);
  const server = created.on('connect', ({ url }: IncomingMessage, client: Socket) => {
    const [host = '', port] = (url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
}

test('a proxy may be spoken to over TLS', async (t) => {
  const files = await createCertificate(t, 'IP:127.0.0.1');
  const [cert, key] = await Promise.all([readFile(files.certificate), readFile(files.key)]);
  const proxy = await startTunnels(t, { cert, key });
  const { origin, ca, port } = await startTls(t);
  const engine = engineFor(t, { ca: `${String(cert)}\n${ca}`, proxyFor: () => proxy });
  t.is(await textOf(engine, `${origin}/head`), `127.0.0.1:${port}|||`);
  t.is(await textOf(engine, 'http://host.test/x'), 'the proxy got http://host.test/x');
  const stranger = engineFor(t, { ca, proxyFor: () => proxy });
  t.is((await failure(t, textOf(stranger, 'http://host.test/x'))).code, 'TLS');
});

// S3
for (const [title, end, expected] of [
  ['a close_notify ends it', (tls: Socket): unknown => tls.end(), '100000 bytes'],
  ['an end below TLS does not', (_: Socket, raw: Socket): unknown => raw.end(), 'CONNECTION_LOST'],
] as const) {
  test(`a body without a length through a tunnel: ${title}`, async (t) => {
    const files = await createCertificate(t, 'IP:127.0.0.1');
    const [cert, key] = await Promise.all([readFile(files.certificate), readFile(files.key)]);
    const server = createServer((socket) => {
      const tls = new TLSSocket(socket, { isServer: true, cert, key });
      tls.on('error', () => undefined);
      socket.on('error', () => undefined);
      tls.once('data', () => {
        tls.write('HTTP/1.1 200 OK\r\n\r\n');
        tls.write(CONTENT.subarray(0, 100_000), () => end(tls, socket));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const proxy = await startTunnels(t);
    const engine = engineFor(t, { ca: String(cert), proxyFor: () => proxy });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const outcome = textOf(engine, url).then(
      () => '100000 bytes',
      (error: SourceError) => error.code,
    );
    t.is(await outcome, expected);
  });
}

test('a reader that pauses stops what comes through a tunnel', async (t) => {
  const files = await createCertificate(t, 'IP:127.0.0.1');
  const [cert, key] = await Promise.all([readFile(files.certificate), readFile(files.key)]);
  const piece = Buffer.alloc(1 << 20);
  let sentMib = 0;
  const server = createServer((socket) => {
    const tls = new TLSSocket(socket, { isServer: true, cert, key });
    const send = (): void => {
      while (sentMib < 256) {
        sentMib += 1;
        if (!tls.write(piece)) return;
      }
    };
    socket.on('error', () => undefined);
    tls.on('error', () => undefined).on('drain', send);
    tls.once('data', () => {
      tls.write('HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n');
      send();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const proxy = await startTunnels(t);
  const engine = engineFor(t, { ca: String(cert), proxyFor: () => proxy });
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const { body } = await engine.send({ url, allowed: [200] }, new Request('made-up://bucket/key'));
  t.is(await body.read({ pieces: [Buffer.alloc(1)] }), 1);
  await until('the server waits', async () => {
    const before = sentMib;
    await sleep(100);
    return sentMib > 0 && sentMib === before;
  });
  t.true(sentMib < 64, `${sentMib} MiB`);
  body.cancel();
});

for (const [title, answer, code] of [
  ['ends', (socket: Socket): unknown => socket.end(), 'CONNECTION_LOST'],
  ['cannot reach the host', (s: Socket): unknown => s.write('HTTP/1.1 502 Bad\r\n\r\n'), 'HOST_UNREACHABLE'],
  ['refuses', (socket: Socket): unknown => socket.write('HTTP/1.1 403 No\r\n\r\n'), 'ACCESS_DENIED'],
  ['speaks no HTTP', (socket: Socket): unknown => socket.write('SSH-2.0-x\r\n\r\n'), 'PROTOCOL'],
  ['speaks first', (s: Socket): unknown => s.write('HTTP/1.1 200 OK\r\n\r\nhello'), 'HOST_UNREACHABLE'],
  ['sends an endless head', (s: Socket): unknown => s.write('a'.repeat(20_000)), 'CONNECTION_LOST'],
  ['hangs', (): unknown => undefined, 'TIMEOUT'],
] as const) {
  test(`a proxy that ${title} is ${code}, and the connection is left`, async (t) => {
    const proxy = await startRawServer(t, (socket) => void answer(socket));
    const timeoutMs = code === 'TIMEOUT' ? 600 : 30_000;
    const engine = engineFor(t, { timeoutMs, proxyFor: () => proxy.origin });
    t.is((await failure(t, textOf(engine, 'https://host.test/'))).code, code);
    t.true(await proxy.isLeft());
    t.regex(proxy.requests[0] ?? '', /^CONNECT host\.test:443 HTTP\/1\.1\r\nhost: host\.test:443$/);
  });
}

test('a head of a proxy that comes byte by byte leaves no listeners behind', async (t) => {
  const warnings: Error[] = [];
  const note = (warning: Error): unknown => warnings.push(warning);
  process.on('warning', note);
  t.teardown(() => process.off('warning', note));
  const drip = async (socket: Socket): Promise<void> => {
    for (const byte of 'HTTP/1.1 403 No\r\nx: y\r\n\r\n') {
      socket.write(byte);
      await sleep(5);
    }
  };
  const proxy = await startRawServer(t, (socket) => void drip(socket));
  const engine = engineFor(t, { proxyFor: () => proxy.origin });
  t.is((await failure(t, textOf(engine, 'https://host.test/'))).code, 'ACCESS_DENIED');
  t.deepEqual(
    warnings.filter(({ name }) => name === 'MaxListenersExceededWarning'),
    [],
  );
});

test('an address that the policy refuses is not reached by a proxy either', async (t) => {
  const proxy = await startRawServer(t, (socket) => void socket.end());
  const policy = addressPolicy({ isShared: false, allowed: [] });
  const engine = engineFor(t, { proxyFor: () => proxy.origin, addressPolicy: policy });
  for (const url of ['http://169.254.169.254/', 'https://[fe80::1]/'])
    t.is((await failure(t, textOf(engine, url))).code, 'ADDRESS_REFUSED');
  t.is(proxy.requests.length, 0);
});

test.serial('the environment names proxies, and hosts that need none', (t) => {
  const names = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'];
  const all = names.flatMap((name) => [name, name.toUpperCase()]);
  const before = all.map((name) => [name, process.env[name]] as const);
  t.teardown(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  for (const name of all) delete process.env[name];
  t.is(environmentProxy(), undefined);
  process.env['HTTP_PROXY'] = 'http://user:hunter2@proxy.test:3128';
  process.env['https_proxy'] = 'proxy.test:3129';
  process.env['NO_PROXY'] = 'localhost,.internal.test';
  const routes = new Routes(environmentProxy());
  const proxyOf = (url: string, route?: HttpRoute): string | undefined =>
    routes.resolve(route, new URL(url), true)?.proxy?.url.origin;
  t.is(proxyOf('http://a.test/'), 'http://proxy.test:3128');
  t.is(proxyOf('https://a.test/'), 'http://proxy.test:3129', 'without a scheme it is http');
  t.is(proxyOf('https://x.internal.test/'), undefined);
  t.is(proxyOf('http://localhost:8080/'), undefined);
  t.is(proxyOf('http://a.test/', { key: 'k', proxy: 'direct' }), undefined);
  t.is(proxyOf('http://a.test/', { key: 'k', proxy: new URL('http://other.test:1') }), 'http://other.test:1');
  const { key, proxy } = routes.resolve(undefined, new URL('http://a.test/'), true) ?? {};
  t.is(proxy?.authorization, `Basic ${Buffer.from('user:hunter2').toString('base64')}`);
  t.notRegex(String(key), /hunter2/);
  process.env['HTTP_PROXY'] = 'socks5://proxy.test';
  const error = t.throws(() =>
    new Routes(environmentProxy()).resolve(undefined, new URL('http://a.test'), true),
  );
  t.like(error, { code: 'NOT_CONFIGURED', found: 'socks5:' });
});

test('a Unix socket is another way to the host, and not to that of a redirect', async (t) => {
  const other = await startPlain(t);
  const socketPath = join(await temporaryDirectory(t), 'nginx.sock');
  const directives = `listen unix:${socketPath}; ${SHOW_HEAD} location /away { return 307 ${other}/head; }`;
  await startPlain(t, directives);
  const engine = engineFor(t);
  const route: HttpRoute = { key: 'unix', socketPath };
  t.is(await textOf(engine, 'http://docker.test/head', { route }), 'docker.test|||');
  t.is(await textOf(engine, 'http://docker.test/away', { route }), `${new URL(other).host}|||`);
  const missing = textOf(engine, 'http://docker.test/', {
    route: { key: 'missing', socketPath: '/nowhere' },
  });
  t.is((await failure(t, missing)).code, 'CONNECTION_LOST');
});

// S69 S119
test('a client certificate is for its origin alone, as is the trust in any certificate', async (t) => {
  const client = await createCertificate(t, 'IP:127.0.0.1');
  const verify = `ssl_verify_client optional; ssl_client_certificate ${client.certificate}; ${SHOW_HEAD}`;
  const other = await startTls(t, verify);
  const server = await startTls(t, `${verify} location /away { return 307 ${other.origin}/head; }`);
  const [cert, key] = await Promise.all([readFile(client.certificate, 'utf8'), readFile(client.key, 'utf8')]);
  const ca = `${server.ca}\n${other.ca}`;
  const route: HttpRoute = { key: 'client certificate', tls: { ca, cert, key } };
  const engine = engineFor(t);
  const subject = async (url: string, given: HttpRoute): Promise<string | undefined> =>
    (await textOf(engine, url, { route: given })).split('|')[3];
  t.is(await subject(`${server.origin}/head`, route), 'CN=test');
  t.is(await subject(`${server.origin}/away`, route), '');
  t.is(
    (await failure(t, textOf(engine, `${server.origin}/head`))).code,
    'TLS',
    'the route has its own authority',
  );
  const anyone: HttpRoute = { key: 'anyone', tls: { verify: false } };
  t.is(await subject(`${server.origin}/head`, anyone), '');
  t.is((await failure(t, textOf(engine, `${server.origin}/away`, { route: anyone }))).code, 'TLS');
});

test('routes share no connections, but those with the same key', async (t) => {
  const server = await startRawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  });
  const engine = engineFor(t);
  for (const key of ['a', 'b', 'a', 'b']) await textOf(engine, server.origin, { route: { key } });
  await textOf(engine, server.origin);
  t.is(server.accepted(), 3);
});

test('a redirect from a host that needs no proxy to one behind a proxy goes by the proxy, and back', async (t) => {
  const proxied = await startFaultServer(t, (_, response) => response.writeHead(200).end('there'));
  const direct = await startFaultServer(t, (_, response) =>
    response.writeHead(302, { location: `${proxied.origin}/x` }).end(),
  );
  const proxy = await startApacheProxy(t);
  const engine = engineFor(t, {
    proxyFor: (url) => (url.origin === proxied.origin ? proxy.url.href : ''),
  });
  t.is(await textOf(engine, direct.origin), 'there');
  t.deepEqual(await proxy.log(), [`GET ${proxied.origin}/x HTTP/1.1 200`]);
});
