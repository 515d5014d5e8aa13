/** Files that are read in order by way of a cluster, over the real HTTP source and the cache. */
import { readFile, utimes, writeFile } from 'node:fs/promises';

import test from 'ava';
import { pino } from 'pino';

import { UrlSet } from '../../src/cache/url-set.js';
import { createHub } from '../../src/source/schemes/hub/create-hub.js';
import { startHub } from '../servers/hub.js';
import { DFDAEMON_FAULTS, Swarm } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { createCertificate } from '../support/certificate.js';
import { startedOnce } from '../support/started-once.js';
import { contentOf, MIB, readAll, readAt, sentBytes, serveFile, stamped, startNode } from './support.js';

/** For tests that leave it as it is. */
const shared = startedOnce((all) => serveFile(all, 17 * MIB + 1_234));

// S165
test.serial('many nodes that read a file in order cost its origin one download', async (t) => {
  const served = await serveFile(t);
  const swarm = new Swarm();
  const nodes = await Promise.all(Array.from({ length: 4 }, () => startNode(t, { swarm })));
  const contents = await Promise.all(nodes.map((node) => contentOf(node, served.url)));
  for (const content of contents) t.true(content.equals(served.content));
  const bytes = await sentBytes(served);
  t.true(bytes < served.content.length * 1.1, `${bytes}`);
  for (const { dfdaemon, cache, peers } of nodes) {
    t.is(dfdaemon.requests.length, 1);
    t.is(dfdaemon.requests[0]?.url, served.url);
    t.is(dfdaemon.requests[0]?.header.range, undefined);
    t.like(peers.report, { requests: { ok: 1 }, fallbacks: { error: 0, mismatch: 0 } });
    t.true(cache.report.activity.readBytes.p2p > served.content.length - 100_000);
  }
});

test.serial('a URL of https is handed over in clear, and its source asked for all else', async (t) => {
  const tls = await createCertificate(t, 'IP:127.0.0.1');
  const { url, content } = await serveFile(t, 17 * MIB, tls);
  t.regex(url, /^https:/);
  const node = await startNode(t, { ca: await readFile(tls.certificate, 'utf8') });
  t.true((await contentOf(node, url)).equals(content));
  const [request] = node.dfdaemon.requests;
  t.like(request, { method: 'GET', url });
  t.is(request?.header.host, new URL(url).host);
  t.like(node.peers.report, { requests: { ok: 1 } });
});

test.serial('the beginning of a file, and parts of it, come from its source', async (t) => {
  const { url, content } = await shared();
  const node = await startNode(t);
  const file = await node.cache.open(url);
  t.teardown(() => file.close());
  for (const at of [0, 10 * MIB, 5 * MIB + 7, 3, 20 * MIB]) {
    t.true((await readAt(file, at, 100_000)).equals(content.subarray(at, at + 100_000)));
  }
  t.is(node.dfdaemon.requests.length, 0);
});

test.serial('a prefetch comes by the cluster from its first read on, wherever that is', async (t) => {
  const { url, content } = await shared();
  const node = await startNode(t);
  const file = await node.cache.open(url);
  t.teardown(() => file.close());
  const rest = await readAt(file, 12 * MIB, 100_000, { readsAll: true });
  t.true(rest.equals(content.subarray(12 * MIB, 12 * MIB + 100_000)));
  t.is(node.dfdaemon.requests[0]?.header['x-dragonfly-priority'], '3');
  t.true((await readAll(file, { readsAll: true })).equals(content));
});

test.serial('what has to be passed over for long is not waited for', async (t) => {
  const { url, content } = await shared();
  const node = await startNode(t, { stallMs: 300 });
  // Fast enough for one that reads from the beginning.
  node.dfdaemon.add({ bytesPerSecond: 4 * MIB });
  const file = await node.cache.open(url);
  t.teardown(() => file.close());
  const rest = await readAt(file, 14 * MIB, 100_000, { readsAll: true });
  t.true(rest.equals(content.subarray(14 * MIB, 14 * MIB + 100_000)));
  t.like(node.peers.report, { requests: { stall: 1 } });
});

test.serial('a new version is a new task, and what was opened before is read no further', async (t) => {
  const { url, path, content } = await serveFile(t);
  const node = await startNode(t);
  const file = await node.cache.open(url);
  t.teardown(() => file.close());
  t.true((await readAt(file, 0, MIB)).equals(content.subarray(0, MIB)));
  const next = stamped(content.length, 77);
  await writeFile(path, next);
  await utimes(path, 1_000_000_000, 1_000_000_000);
  node.cache.expire(new UrlSet(['']));
  t.true((await contentOf(node, url)).equals(next));
  const ids = new Set(node.dfdaemon.requests.map(({ taskId }) => taskId));
  t.is(ids.size, 2);
  // All that dfdaemon had of it was still on its way: the rest is of no other version.
  const rest = await readAt(file, content.length - 10, 10).catch((error: unknown) => error);
  if (rest instanceof Buffer) t.true(rest.equals(content.subarray(-10)));
  else t.like(rest, { code: 'CHANGED' });
});

/** What is counted. */
const FAULTS: Record<keyof typeof DFDAEMON_FAULTS, string> = {
  rateLimited: 'rate_limit',
  unauthorized: 'error',
  badRequest: 'error',
  blocked: 'error',
  schedulerFails: 'error',
  diskFull: 'error',
  lengthUnknown: 'error',
  originUnreachable: 'refused',
  originUnavailable: 'refused',
  originMissing: 'refused',
  versionChanged: 'refused',
  rangeIgnored: 'refused',
  badGateway: 'error',
  resets: 'error',
  neverAnswers: 'first_byte',
  cutAtOnce: 'error',
  cutMidBody: 'error',
  stallsAtOnce: 'stall',
  stallsMidBody: 'stall',
  wrongByte: 'ok',
  tooShort: 'mismatch',
  tooLong: 'mismatch',
  otherTag: 'mismatch',
  oldVersion: 'mismatch',
  slow: 'stall',
};

/** Those that are waited for. */
const LIMITS = {
  neverAnswers: { firstByteMs: 300 },
  stallsAtOnce: { stallMs: 300 },
  stallsMidBody: { stallMs: 2_000 },
  slow: { stallMs: 300 },
};

// S166
for (const [name, fault] of Object.entries(DFDAEMON_FAULTS)) {
  // Without a digest nothing shows it.
  if (name === 'wrongByte') continue;
  test.serial(`a dfdaemon with a fault costs a reader time, and no byte: ${name}`, async (t) => {
    const served = await shared();
    const node = await startNode(t, LIMITS[name as keyof typeof LIMITS]);
    node.dfdaemon.add(fault);
    t.true((await contentOf(node, served.url)).equals(served.content));
    const result = FAULTS[name as keyof typeof FAULTS];
    t.is(node.peers.report?.requests[result], 1, JSON.stringify(node.peers.report));
    t.is(node.dfdaemon.requests.length, 1);
    // What came is not fetched again.
    const { p2p } = node.cache.report.activity.readBytes;
    t.true(p2p <= node.receivedBytes('p2p'));
    const directBytes = node.receivedBytes('direct');
    t.true(directBytes + p2p < served.content.length + 300_000, `${directBytes} and ${p2p}`);
    if (name === 'cutMidBody' || name === 'stallsMidBody') t.true(p2p > 5 * MIB, `${p2p}`);
  });
}

test.serial(
  'a dfdaemon that is not there costs next to nothing, and after three files nothing',
  async (t) => {
    const { url, content, nginx } = await shared();
    const node = await startNode(t);
    await node.dfdaemon.kill();
    for (let i = 0; i < 5; i += 1) t.true((await contentOf(node, `${url}?${i}`)).equals(content));
    t.is(node.peers.report?.requests['error'], 3);
    t.not(node.peers.report?.brokenUntilMs, undefined);
    t.true((await nginx.accessLog()).length > 0);
  },
);

// S122
test.serial('bytes that do not have the digest of the source are dropped, and read from it', async (t) => {
  const content = stamped(17 * MIB, 9);
  const hub = await startHub(t);
  hub.commit(hub.repository('models', 'owner/model'), { 'model.bin': content });
  const settings = { baseUrl: new URL(hub.origin), credentials: { kind: 'anonymous' } } as const;
  const common = { scheme: 'hf', settingsFor: () => settings, log: pino({ enabled: false }) };
  const node = await startNode(t, {
    clientOf: (engine, peers) => createHub({ ...common, engine, peers, timeoutMs: 5_000, retries: 1 }),
  });
  node.dfdaemon.add(DFDAEMON_FAULTS.wrongByte);
  const url = 'hf://owner/model/model.bin';
  await t.throwsAsync(contentOf(node, url), { name: 'CorruptError' });
  t.like(node.peers.report, { requests: { mismatch: 1 } });
  t.true((await contentOf(node, url)).equals(content));
  t.is(node.dfdaemon.requests.length, 1, 'it is not asked for this version again');
});
