/** Registries of OCI artifacts: names, logins, what manifests say, and what is sent where. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { parseChallenges } from '../../src/source/auth/challenge.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import type { ProxyFor } from '../../src/source/http/route.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { type CompleteClient, Request, SourceError, type UrlEntry } from '../../src/source/index.js';
import type { SourceErrorCode } from '../../src/source/errors.js';
import { parseArtifact } from '../../src/source/schemes/oras/artifact.js';
import { createOras } from '../../src/source/schemes/oras/create-oras.js';
import { possibleReferences, writtenReference } from '../../src/source/schemes/oras/oras-name.js';
import type { OrasSettings } from '../../src/source/settings.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { digestOf, type DockerRegistry, INDEX, startDockerRegistry } from '../servers/docker-registry.js';
import { failureOf } from '../support/conformance/reading.js';
import { startFaultFront } from '../support/fault-front.js';
import { startFaultServer } from '../support/fault-server.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

const HELLO = Buffer.from('hello');
const LARGE = pattern(300_000);

function clientOf(t: ExecutionContext, settings: OrasSettings = {}, proxyFor?: ProxyFor): CompleteClient {
  const engine = createHttpEngine({ timeoutMs: 10_000, retries: 1, proxyFor });
  t.teardown(() => engine.close());
  const all: OrasSettings = { credentials: { kind: 'anonymous' }, ...settings };
  const context = { scheme: 'oras', engine, settingsFor: () => all, timeoutMs: 10_000, retries: 1 };
  return validatingClient(createOras({ ...context, log: pino({ enabled: false }) }));
}

function loginOf({ user, password }: DockerRegistry): OrasSettings {
  return { credentials: { kind: 'password', user, password: literalSecret(password) } };
}

async function read(client: CompleteClient, url: string, options: object = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await client.download(new Request(url, options))).body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function namesIn(client: CompleteClient, url: string): Promise<string[]> {
  const entries: readonly UrlEntry[] = await client.list(new Request(url));
  return entries.map(({ name, isDir }) => `${decodeURIComponent(name)}${isDir ? '/' : ''}`).toSorted();
}

test('a name of a registry is parsed as docker and Dragonfly write it, or with the tag as a directory', (t) => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const parts = (name: string): unknown => {
    const reference = writtenReference(name.split('/'));
    return reference && [reference.repository, reference.reference, reference.path];
  };
  t.deepEqual(parts('team/data:v1/dir/f'), ['team/data', 'v1', 'dir/f']);
  t.deepEqual(parts('team/data:v1/a:b'), ['team/data', 'v1', 'a:b']);
  t.deepEqual(parts(`data@${digest}`), ['data', digest, '']);
  t.deepEqual(parts(`data:v1@${digest}/f`), ['data', digest, 'f']);
  t.deepEqual(parts(`team/data/${digest}/f`), ['team/data', digest, 'f']);
  for (const none of ['team/data', 'data:', ':v1', 'data:v 1', 'Data:v1', 'data@v1', `@${digest}`, '../a:v1'])
    t.is(parts(none), undefined, none);
  t.deepEqual(possibleReferences(['a', 'b', 'c']), [
    { repository: 'a', reference: 'b', path: 'c' },
    { repository: 'a/b', reference: 'c', path: '' },
  ]);
});

test('challenges are parsed, whatever is quoted in them', (t) => {
  t.deepEqual(
    parseChallenges('Basic realm="a, b", Bearer realm="https://h/t?x=\\"y\\"", service=s,scope="a:b:pull"'),
    [
      { scheme: 'basic', parameters: { realm: 'a, b' } },
      { scheme: 'bearer', parameters: { realm: 'https://h/t?x="y"', service: 's', scope: 'a:b:pull' } },
    ],
  );
  t.deepEqual(parseChallenges('Negotiate, NTLM'), [
    { scheme: 'negotiate', parameters: {} },
    { scheme: 'ntlm', parameters: {} },
  ]);
  t.deepEqual(parseChallenges(null), []);
  t.deepEqual(parseChallenges('"'), []);
  const beganMs = performance.now();
  parseChallenges(`Bearer ${'a="'.repeat(2_700)}`);
  t.true(performance.now() - beganMs < 1_000);
});

test('tags are directories, in either way of writing, and layers are files by their titles', async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.pushFiles('team/data', 'v1', { 'a file': HELLO, 'dir/b.bin': LARGE });
  await registry.pushFiles('team/data', 'v2', {});
  await registry.pushFiles('team/data/more', 'v1', {});
  await registry.pushFiles('single', 'latest', { f: HELLO });
  const client = clientOf(t);
  const base = `oras://${registry.host}`;
  t.deepEqual(await namesIn(client, `${base}/`), ['single/', 'team/']);
  t.deepEqual(await namesIn(client, `${base}/team/`), ['data/']);
  t.deepEqual(await namesIn(client, `${base}/team/data`), ['v1/', 'v2/']);
  t.deepEqual(await namesIn(client, `${base}/team/data/more/`), ['v1/']);
  for (const root of ['team/data/v1', 'team/data:v1']) {
    t.deepEqual(await namesIn(client, `${base}/${root}/`), ['a file', 'dir/']);
    t.deepEqual(await namesIn(client, `${base}/${root}/dir/`), ['b.bin']);
    t.deepEqual(await read(client, `${base}/${root}/a%20file`), HELLO);
    t.true((await read(client, `${base}/${root}/dir/b.bin`)).equals(LARGE));
    const { kind, contentLength, etag, digest } = await client.getMetadata(
      new Request(`${base}/${root}/dir/b.bin`),
    );
    const hex = digestOf(LARGE).slice('sha256:'.length);
    t.deepEqual(
      { kind, contentLength, etag, digest },
      {
        kind: 'file',
        contentLength: LARGE.length,
        etag: `"sha256:${hex}"`,
        digest: { algorithm: 'sha256', hex },
      },
    );
    for (const directory of [root, `${root}/dir`])
      t.is((await client.getMetadata(new Request(`${base}/${directory}`))).kind, 'directory');
    for (const missing of [`${root}/none`, `${root}/dir/none`, `${root}/a%20file/x`])
      t.is(
        (await failureOf(client.getMetadata(new Request(`${base}/${missing}`)))).code,
        'NOT_FOUND',
        missing,
      );
  }
  // A repository below a tag of the same name, and a title like a tag.
  await registry.pushFiles('single/latest/other', 'v1', { g: HELLO });
  await registry.pushFiles('single', 'odd', { 'a:b': HELLO });
  t.deepEqual(await namesIn(client, `${base}/single/odd/`), ['a:b']);
  for (const url of ['single/latest/f', 'single/latest/other:v1/g', 'single/odd/a:b'])
    t.deepEqual(await read(client, `${base}/${url}`), HELLO, url);
  for (const missing of ['team/data/v9', 'team/data:v9', 'none:v1', 'team/Data:v1'])
    t.is((await failureOf(client.getMetadata(new Request(`${base}/${missing}`)))).code, 'NOT_FOUND', missing);
  t.is((await failureOf(client.list(new Request(`${base}/none/`)))).code, 'NOT_FOUND');
});

test('a manifest and its configuration can be read, and are not listed', async (t) => {
  const registry = await startDockerRegistry(t);
  const created = '2024-05-06T07:08:09Z';
  const { digest } = await registry.pushFiles(
    'data',
    'v1',
    { f: HELLO },
    { 'org.opencontainers.image.created': created },
  );
  const client = clientOf(t);
  const root = `oras://${registry.host}/data:v1`;
  const manifest = await read(client, `${root}/.manifest.json`);
  t.is(digestOf(manifest), digest);
  t.deepEqual(
    await read(client, `${root}/.manifest.json`, { range: { start: 3, end: 8 } }),
    manifest.subarray(3, 8),
  );
  t.is((await client.getMetadata(new Request(`${root}/.manifest.json`))).contentLength, manifest.length);
  t.is(String(await read(client, `${root}/.config.json`)), '{}');
  t.is((await client.getMetadata(new Request(`${root}/f`))).lastModified, Date.parse(created));
  t.deepEqual(await namesIn(client, `${root}/`), ['f']);
});

test('an index has a directory for each platform', async (t) => {
  const registry = await startDockerRegistry(t);
  const platforms = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm', variant: 'v7' },
    { os: 'unknown', architecture: 'unknown' },
  ];
  const manifests = [];
  for (const [index, platform] of platforms.entries()) {
    const descriptor = await registry.pushFiles('tool', `t${index}`, {
      'tool.txt': Buffer.from(JSON.stringify(platform)),
    });
    manifests.push({ ...descriptor, platform });
  }
  const { digest } = await registry.pushManifest('tool', 'latest', { manifests }, INDEX);
  const client = clientOf(t);
  const names = ['linux-amd64/', 'linux-arm-v7/', `${manifests[2]?.digest.replace(':', '-')}/`];
  for (const root of ['tool:latest', `tool@${digest}`, `tool/${digest}`]) {
    const url = `oras://${registry.host}/${root}`;
    t.deepEqual(await namesIn(client, url), names);
    t.deepEqual(await namesIn(client, `${url}/linux-amd64`), ['tool.txt']);
    t.is(String(await read(client, `${url}/linux-arm-v7/tool.txt`)), JSON.stringify(platforms[1]));
    t.is((await client.getMetadata(new Request(`${url}/linux-amd64`))).kind, 'directory');
    t.is((await failureOf(client.getMetadata(new Request(`${url}/linux-s390x`)))).code, 'NOT_FOUND');
  }
});

test('titles that lead out are none, the later of equal ones counts, and a layer without one has its digest', (t) => {
  const layer = (digit: string, title?: string, mediaType = 'application/octet-stream'): object => ({
    mediaType,
    digest: `sha256:${digit.repeat(64)}`,
    size: 1,
    ...(title === undefined ? {} : { annotations: { 'org.opencontainers.image.title': title } }),
  });
  const layers = [
    layer('1', '../etc/passwd'),
    layer('2', '/abs'),
    layer('3', 'a'),
    layer('4', 'a'),
    layer('5', undefined, 'application/vnd.oci.image.layer.v1.tar+gzip'),
    layer('6', undefined, 'application/vnd.docker.image.rootfs.diff.tar.gzip'),
    layer('7', 'd/f'),
    layer('8', 'd'),
    layer('9', 'a//b'),
  ];
  const url = new URL('oras://h/data:v1');
  const { directories } = parseArtifact(JSON.stringify({ layers }), digestOf(HELLO), url);
  const hex = (digit: string): string => `sha256-${digit.repeat(64)}`;
  t.deepEqual(
    [...(directories.get('') ?? [])].map(([name, blob]) => [name, blob?.digest.at(-1)]),
    [
      [hex('1'), '1'],
      [hex('2'), '2'],
      ['a', '4'],
      [`${hex('5')}.tar.gz`, '5'],
      [`${hex('6')}.tar.gz`, '6'],
      ['d', undefined],
      [hex('9'), '9'],
    ],
  );
  // A quarter of a megabyte of directories for each; a single path of many levels is none.
  const deep = Array.from({ length: 200 }, (_, i) => layer('1', `${i}/${'d/'.repeat(700)}f`));
  const long = JSON.stringify({ layers: [layer('1', 'd/'.repeat(100_000))] });
  t.is(parseArtifact(long, digestOf(HELLO), url).directories.size, 1);
  for (const text of [
    JSON.stringify({ layers: deep }),
    '',
    'null',
    '[]',
    '{}',
    '{"layers":[{}]}',
    '{"layers":[null]}',
    '{"layers":[],"config":null}',
    '{"manifests":[null]}',
    '{"layers":[{"digest":"md5:1","size":1}]}',
  ])
    t.is(
      t.throws(() => parseArtifact(text, digestOf(HELLO), url), { instanceOf: SourceError }).code,
      'PROTOCOL',
    );
});

test('a file with the title of a manifest is that file', async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.pushFiles('copied', 'v1', { '.manifest.json': HELLO, 'dir/.manifest.json': LARGE });
  const client = clientOf(t);
  const root = `oras://${registry.host}/copied/v1`;
  t.deepEqual(await read(client, `${root}/.manifest.json`), HELLO);
  t.true((await read(client, `${root}/dir/.manifest.json`)).equals(LARGE));
});

test('a version that is open stays readable when its tag moves on', async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.pushFiles('data', 'v1', { f: LARGE });
  const client = clientOf(t);
  const url = `oras://${registry.host}/data/v1/f`;
  const { etag = '', contentLength } = await client.getMetadata(new Request(url));
  await registry.pushFiles('data', 'v1', { f: HELLO });
  const range = { start: 100_000, end: 200_000 };
  const old = await read(client, url, { range, pin: { etag, contentLength } });
  t.true(old.equals(LARGE.subarray(range.start, range.end)));
  // For as long as what was queried is taken for what is.
  for (let tries = 0; !(await client.isExpired(new Request(url), { etag })); tries += 1) {
    t.true(tries < 100);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.deepEqual(await read(client, url), HELLO);
});

for (const auth of ['htpasswd', 'token'] as const) {
  test(`a login is used where the registry demands one (${auth}), and a wrong one is ACCESS_DENIED`, async (t) => {
    const registry = await startDockerRegistry(t, { auth });
    await registry.pushFiles('team/data', 'v1', { f: HELLO });
    const url = `oras://${registry.host}/team/data:v1/f`;
    t.deepEqual(await read(clientOf(t, loginOf(registry)), url), HELLO);
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, 'config.json'), registry.dockerConfig);
    t.deepEqual(await read(clientOf(t, { credentials: { kind: 'docker', directory } }), url), HELLO);
    const wrong: OrasSettings = {
      credentials: { kind: 'password', user: registry.user, password: literalSecret('hunter2') },
    };
    const error = await failureOf(read(clientOf(t, wrong), url));
    t.is(error.code, 'ACCESS_DENIED');
    t.notRegex(inspect(error), /hunter2/);
    const empty = await temporaryDirectory(t);
    const none = await failureOf(
      read(clientOf(t, { credentials: { kind: 'docker', directory: empty } }), url),
    );
    t.is(none.code, 'ACCESS_DENIED');
    t.regex(String(none.found), /no login for 127\.0\.0\.1:\d+ was found/);
  });
}

test('an identity token is exchanged, strangers get tokens too, and one token serves many requests', async (t) => {
  const registry = await startDockerRegistry(t, { auth: 'token', isPublic: true });
  await registry.pushFiles('data', 'v1', { f: HELLO, g: LARGE });
  const url = `oras://${registry.host}/data:v1`;
  t.deepEqual(await read(clientOf(t), `${url}/f`), HELLO);
  const before = registry.tokenLog.length;
  const credentials = { kind: 'token', token: literalSecret('identity-token') } as const;
  const client = clientOf(t, { credentials });
  t.deepEqual(await read(client, `${url}/f`), HELLO);
  await Promise.all(['f', 'g', 'f', 'g'].map((name) => read(client, `${url}/${name}`)));
  t.deepEqual(
    registry.tokenLog.slice(before).map(({ method }) => method),
    ['POST'],
  );
});

test('a token that expires is replaced before it is refused', async (t) => {
  const registry = await startDockerRegistry(t, { auth: 'token' });
  await registry.pushFiles('data', 'v1', { f: HELLO });
  registry.tokenLifeS = 1;
  const client = clientOf(t, loginOf(registry));
  const url = `oras://${registry.host}/data:v1/f`;
  t.deepEqual(await read(client, url), HELLO);
  const before = registry.tokenLog.length;
  const expiresAtMs = Date.now() + 1_000;
  while (Date.now() < expiresAtMs) await new Promise((resolve) => setTimeout(resolve, 100));
  t.deepEqual(await read(client, url), HELLO);
  t.is(registry.tokenLog.length, before + 1);
  const refused = (await registry.accessLog()).filter(({ status }) => status === 401);
  t.is(refused.length, 1, 'the first request of all');
});

// S69
test('the token of a registry does not go to the storage behind it', async (t) => {
  const registry = await startDockerRegistry(t, { auth: 'token' });
  await registry.pushFiles('data', 'v1', { f: LARGE });
  const seen: (string | undefined)[] = [];
  const storage = await startFaultServer(t, ({ headers }, response) => {
    seen.push(headers.authorization);
    const [, start = 0, last = LARGE.length - 1] = (/(\d+)-(\d+)/.exec(headers.range ?? '') ?? []).map(
      Number,
    );
    const part = LARGE.subarray(start, last + 1);
    const contentRange = `bytes ${start}-${start + part.length - 1}/${LARGE.length}`;
    response.writeHead(206, {
      'content-range': contentRange,
      'content-length': part.length,
      etag: '"storage"',
    });
    response.end(part);
  });
  const { origin } = await startNginx(t, {
    root: await temporaryDirectory(t),
    serverDirectives: `location ~ /blobs/ { return 307 ${storage.origin}$request_uri; }
      location / { proxy_pass ${registry.origin}; proxy_set_header Host $http_host; }`,
  });
  const client = clientOf(t, loginOf(registry));
  const url = `oras://${new URL(origin).host}/data:v1/f`;
  t.is((await client.getMetadata(new Request(url))).supportRange, true);
  const range = { start: 100_000, end: 200_000 };
  t.true((await read(client, url, { range })).equals(LARGE.subarray(range.start, range.end)));
  t.deepEqual(seen, [undefined, undefined]);
});

test('a registry without ranges is read in order, and its listing leaves the versions to a query', async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.pushFiles('data', 'v1', { f: LARGE });
  const { origin } = await startNginx(t, {
    root: await temporaryDirectory(t),
    serverDirectives: `location / {
      proxy_pass ${registry.origin}; proxy_set_header Range ""; proxy_hide_header Accept-Ranges;
      proxy_force_ranges off; max_ranges 0;
    }`,
  });
  const client = clientOf(t);
  const url = `oras://${new URL(origin).host}/data:v1`;
  const [entry] = await client.list(new Request(`${url}/`));
  t.is(entry?.etag, undefined);
  t.false((await client.getMetadata(new Request(`${url}/f`))).supportRange);
  t.true((await read(client, `${url}/f`)).equals(LARGE));
});

test('a manifest that is not that of its digest is refused', async (t) => {
  const registry = await startDockerRegistry(t);
  const front = await startFaultFront(t, registry.origin);
  const { digest } = await registry.pushFiles('data', 'v2', { f: HELLO, g: HELLO });
  const client = clientOf(t);
  const base = `oras://${front.host}`;
  front.add({
    meets: ({ url }) => url?.includes('/manifests/') === true,
    rewrite: (answer) => ({ ...answer, body: Buffer.from(String(answer.body).replace('"f"', '"x"')) }),
  });
  t.is((await failureOf(client.list(new Request(`${base}/data@${digest}`)))).code, 'PROTOCOL');
  t.is((await failureOf(client.list(new Request(`${base}/data:v2`)))).code, 'PROTOCOL');
});

const ERRORS: readonly [number, string | undefined, SourceErrorCode][] = [
  [404, 'MANIFEST_UNKNOWN', 'NOT_FOUND'],
  [404, 'NAME_UNKNOWN', 'NOT_FOUND'],
  [400, 'NAME_INVALID', 'NOT_FOUND'],
  [404, undefined, 'NOT_FOUND'],
  [401, 'UNAUTHORIZED', 'ACCESS_DENIED'],
  [403, 'DENIED', 'ACCESS_DENIED'],
  [403, undefined, 'ACCESS_DENIED'],
  [429, 'TOOMANYREQUESTS', 'BUSY'],
  [503, undefined, 'BUSY'],
  [500, 'UNKNOWN', 'UNEXPECTED_STATUS'],
];

test('what a registry refuses is an error by its code, or by its status', async (t) => {
  let [answer] = ERRORS;
  const server = await startFaultServer(t, (_, response) => {
    const [status = 0, code] = answer ?? [];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(
      code === undefined ? '<html>' : JSON.stringify({ errors: [{ code, message: 'a message' }] }),
    );
  });
  const host = new URL(server.origin).host;
  for (const [index, given] of ERRORS.entries()) {
    answer = given;
    const error = await failureOf(clientOf(t).getMetadata(new Request(`oras://${host}/data:v${index}/f`)));
    t.is(error.code, given[2], given.join(' '));
    t.true(error.message.includes(`oras://${host}/data:v${index}/f`), error.message);
  }
});

test('a login goes to no token service in the clear if the registry is not', async (t) => {
  const asked: string[] = [];
  const server = await startFaultServer(t, ({ url = '' }, response) => {
    asked.push(url);
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="ftp://127.0.0.1/token",service="s"' }).end();
  });
  const { host } = new URL(server.origin);
  const settings: OrasSettings = {
    credentials: { kind: 'password', user: 'ada', password: literalSecret('hunter2') },
  };
  const error = await failureOf(clientOf(t, settings).getMetadata(new Request(`oras://${host}/data:v1/f`)));
  t.like(error, { code: 'PROTOCOL', found: 'ftp:' });
  t.deepEqual(asked, ['/v2/data/manifests/v1']);
});

test('where there is no catalog, names are found all the same', async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.pushFiles('team/data', 'v1', { f: HELLO });
  const front = await startFaultFront(t, registry.origin);
  front.add({
    meets: ({ url }) => url?.includes('_catalog') === true,
    answer: { status: 401, body: '{"errors":[{"code":"UNAUTHORIZED"}]}' },
  });
  const client = clientOf(t);
  const base = `oras://${front.host}`;
  for (const path of ['', 'team/'])
    t.is((await failureOf(client.list(new Request(`${base}/${path}`)))).code, 'LIST_NOT_SUPPORTED');
  t.is((await client.getMetadata(new Request(`${base}/team`))).kind, 'directory');
  t.deepEqual(await namesIn(client, `${base}/team/data/`), ['v1/']);
});

test('what was listed is read by one request each', async (t) => {
  const registry = await startDockerRegistry(t);
  await registry.pushFiles('team/data', 'v1', { f: HELLO, g: LARGE });
  const front = await startFaultFront(t, registry.origin);
  const client = clientOf(t);
  for (const root of ['team/data:v1', 'team/data/v1']) {
    const entries = await client.list(new Request(`oras://${front.host}/${root}/`));
    const before = front.requests.length;
    for (const { url, etag = '', size = 0 } of entries)
      await read(client, url.href, { pin: { etag, contentLength: size }, range: { start: 0, end: size } });
    t.is(front.requests.length, before + entries.length, root);
  }
});

test('Docker Hub has another host, and official names have a prefix', async (t) => {
  const asked: string[] = [];
  const proxy = await startFaultServer(t, ({ url = '', headers }, response) => {
    asked.push(url);
    if (url.includes('/token')) return response.end('{"token":"t"}');
    if (headers.authorization !== 'Bearer t') {
      const challenge = 'Bearer realm="http://auth.test/token",service="registry.docker.io"';
      return response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    return response.end('{"layers":[]}');
  });
  const client = clientOf(t, { plainHttp: true }, () => proxy.origin);
  await client.getMetadata(new Request('oras://docker.io/ubuntu:latest'));
  await client.getMetadata(new Request('oras://docker.io/grafana/grafana:1'));
  const token = 'http://auth.test/token?service=registry.docker.io&scope=repository';
  t.deepEqual(asked, [
    'http://registry-1.docker.io/v2/library/ubuntu/manifests/latest',
    `${token}%3Alibrary%2Fubuntu%3Apull`,
    'http://registry-1.docker.io/v2/library/ubuntu/manifests/latest',
    'http://registry-1.docker.io/v2/grafana/grafana/manifests/1',
    `${token}%3Agrafana%2Fgrafana%3Apull`,
    'http://registry-1.docker.io/v2/grafana/grafana/manifests/1',
  ]);
});

test('pages of tags are followed at the registry, and neither elsewhere nor in a circle', async (t) => {
  let [next, isCircle] = ['/v2/data/tags/list?last=v1', false];
  const server = await startFaultServer(t, ({ url = '' }, response) => {
    const isFirst = url.endsWith('n=1000');
    response.writeHead(200, isFirst || isCircle ? { link: `<${next}>; rel="next"` } : {});
    response.end(JSON.stringify({ name: 'data', tags: [isFirst ? 'v1' : 'v2'] }));
  });
  const url = `oras://${new URL(server.origin).host}/data/`;
  t.deepEqual(await namesIn(clientOf(t), url), ['v1/', 'v2/']);
  isCircle = true;
  t.is((await failureOf(namesIn(clientOf(t), url))).code, 'PROTOCOL');
  for (next of ['http://127.0.0.1:1/v2/data/tags/list', '/other', 'http://['])
    t.is((await failureOf(namesIn(clientOf(t), url))).code, 'PROTOCOL', next);
});
