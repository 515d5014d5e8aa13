/** Mounts that read through real dfdaemons. The figures are in the log of each test. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { taskIdentity } from '../../src/source/p2p/task-identity.js';
import { get } from '../support/dfdaemon-checks.js';
import { run } from '../support/run.js';
import { temporaryDirectory } from '../support/temp.js';
import { withCluster, withClusterAsRoot } from './binaries.js';
import { startDfdaemon } from './dfdaemon.js';
import { figuresOf, mountNode } from './mounted-node.js';
import { startScheduler } from './scheduler.js';
import { startOrigin } from './served-origin.js';
import { startCluster } from './start-cluster.js';

const MiB = 2 ** 20;
/** A limit of the mount, and what a busy machine adds. */
const STALL_MS = 10_000 + 5_000;

withCluster('1 GiB through one node and then another costs the origin one download', async (t) => {
  const bytes = 1024 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const { a, b } = await startCluster(t);
  const direct = await mountNode(t, origin.host, undefined);
  t.log('without a cluster:', figuresOf(await direct.read('a.bin', original)));
  const before = await origin.sentOf('a.bin');

  for (const [name, dfdaemon] of Object.entries({ 'node A': a, 'node B': b })) {
    const node = await mountNode(t, origin.host, dfdaemon);
    const report = await node.read('a.bin', original);
    t.like(report, { bytes, isRight: true });
    t.log(`${name}:`, figuresOf(report), await node.p2p(), await dfdaemon.traffic());
  }
  const sent = (await origin.sentOf('a.bin')) - before;
  t.log(`the origin sent ${(sent / bytes).toFixed(4)} times the file`);
  t.true(sent <= 1.1 * bytes);
  t.like(await a.traffic(), { source: bytes, peers: 0 });
  t.like(await b.traffic(), { source: 0, peers: bytes });
  t.is((await a.traffic()).uploaded, bytes);
});

withCluster('both nodes at once cost the origin one download', async (t) => {
  const bytes = 256 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const { a, b } = await startCluster(t);
  const nodes = [await mountNode(t, origin.host, a), await mountNode(t, origin.host, b)];
  const reports = await Promise.all(nodes.map((node) => node.read('slow/a.bin', original)));
  for (const report of reports) {
    t.like(report, { bytes, isRight: true });
    t.log(figuresOf(report));
  }
  const sent = await origin.sentOf('a.bin');
  t.log(`the origin sent ${(sent / bytes).toFixed(4)} times the file`);
  t.true(sent <= 1.1 * bytes);
});

withCluster('a file that is replaced between two nodes has its new bytes on both', async (t) => {
  const bytes = 64 * MiB;
  const origin = await startOrigin(t);
  const { a, b } = await startCluster(t);
  const [nodeA, nodeB] = [await mountNode(t, origin.host, a), await mountNode(t, origin.host, b)];
  const original = await origin.put('a.bin', bytes);
  t.like(await nodeA.read('a.bin', original), { bytes, isRight: true });
  // nginx's ETag has whole seconds.
  await sleep(1100);
  await origin.put('a.bin', bytes);
  const report = await nodeB.read('a.bin', original);
  t.like(report, { bytes, isRight: true });
  t.log('the other node:', figuresOf(report), await b.traffic());
  await sleep(1100);
  t.like(await nodeA.read('a.bin', original), { bytes, isRight: true });
  // The new version came from the first node that read it.
  t.is((await a.traffic()).peers, bytes);
});

withCluster('a dfdaemon that is killed mid-body costs its reader nothing but time', async (t) => {
  const bytes = 256 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const { a } = await startCluster(t);
  const node = await mountNode(t, origin.host, a);
  const reading = node.read('slow/a.bin', original);
  while ((await a.traffic()).source < bytes / 4) await sleep(100);
  await a.kill();
  const report = await reading;
  t.like(report, { bytes, isRight: true });
  t.true(report.longestReadMs < STALL_MS);
  t.log(figuresOf(report), await node.p2p());
});

withCluster('a dfdaemon that refuses for its rate limit costs no reader anything', async (t) => {
  const bytes = 32 * MiB;
  const origin = await startOrigin(t);
  const { a } = await startCluster(t, { requestRateLimit: 1 });
  const node = await mountNode(t, origin.host, a);
  const names = ['a.bin', 'b.bin', 'c.bin', 'd.bin', 'e.bin', 'f.bin'];
  const originals = await Promise.all(names.map((name) => origin.put(name, bytes)));
  const reports = await Promise.all(names.map((name, i) => node.read(name, originals[i] ?? '')));
  for (const report of reports) {
    t.like(report, { bytes, isRight: true });
    t.log(figuresOf(report));
  }
  t.log(await node.p2p());
});

withCluster('a piece that no node fetches is waited for no longer than the limit', async (t) => {
  const bytes = 64 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  // The default of dfdaemon.
  const { a, b } = await startCluster(t, { collectedPieceTimeout: '360s' });
  const node = await mountNode(t, origin.host, b);
  const url = `${origin.origin}/slower/a.bin`;
  const etag = (await fetch(url, { method: 'HEAD' })).headers.get('etag') ?? '';
  const identity = taskIdentity(new URL(url), { etag, contentLength: bytes }, undefined);
  // Another client of A has a part of it.
  const part = get(a, url, {
    'X-Dragonfly-Content-For-Calculating-Task-ID': identity,
    'If-Match': etag,
    Range: `bytes=0-${16 * MiB - 1}`,
  });
  await sleep(200);
  const report = await node.read('slower/a.bin', original);
  t.like(report, { bytes, isRight: true });
  t.log(figuresOf(report), await node.p2p(), await b.traffic());
  t.is((await part).status, 206);
  t.true((await b.traffic()).peers > 0);
  t.true(report.longestReadMs < STALL_MS);
});

withCluster('a first piece that is late is waited for no longer than the limit', async (t) => {
  const bytes = 20 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const { a } = await startCluster(t);
  const node = await mountNode(t, origin.host, a);
  // 4 MiB take 16 s; so does the origin itself take its time.
  const report = await node.read('slowest/a.bin', original);
  t.log(figuresOf(report), await node.p2p(), await a.traffic());
  t.like(report, { bytes, isRight: true });
  t.like(await node.p2p(), { requests: { first_byte: 1, ok: 0 } });
  t.true(report.longestReadMs < STALL_MS + 5_000);
});

withCluster('without its scheduler, a dfdaemon reads from the origin', async (t) => {
  const bytes = 64 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const { a, scheduler } = await startCluster(t);
  const node = await mountNode(t, origin.host, a);
  await scheduler.kill();
  const report = await node.read('a.bin', original);
  t.like(report, { bytes, isRight: true });
  t.true(report.longestReadMs < STALL_MS);
  t.log(figuresOf(report), await node.p2p(), await a.traffic());
});

withClusterAsRoot('a dfdaemon whose disk is full costs its reader next to nothing', async (t) => {
  const bytes = 64 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const storage = await temporaryDirectory(t);
  t.is((await run('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', storage])).code, 0);
  t.teardown(() => run('umount', ['-l', storage]));
  const directory = await temporaryDirectory(t);
  const scheduler = await startScheduler(t, join(directory, 'scheduler'));
  const dfdaemon = await startDfdaemon(t, {
    name: 'a',
    scheduler: scheduler.address,
    directory: join(directory, 'a'),
    storage,
  });
  const node = await mountNode(t, origin.host, dfdaemon);
  const report = await node.read('a.bin', original);
  t.like(report, { bytes, isRight: true });
  t.log(figuresOf(report), await node.p2p());
});

withCluster('a reader that pauses, or is slow, holds up no other node', async (t) => {
  const bytes = 384 * MiB;
  const origin = await startOrigin(t);
  const { a, b } = await startCluster(t);
  const [nodeA, nodeB] = [await mountNode(t, origin.host, a), await mountNode(t, origin.host, b)];
  const paused = await origin.put('paused.bin', bytes);
  t.like(await nodeA.read('paused.bin', paused, { bytes: 16 * MiB }), { isRight: true });
  const besidePaused = await nodeB.read('paused.bin', paused);
  t.log('beside one that has paused:', figuresOf(besidePaused), await b.traffic());

  const slow = await origin.put('slow.bin', bytes);
  const reading = nodeA.read('slow.bin', slow, { pauseMs: 40 });
  await sleep(3_000);
  const besideSlow = await nodeB.read('slow.bin', slow);
  t.log('beside a slow one:', figuresOf(besideSlow), await b.traffic());
  t.log('the slow one:', figuresOf(await reading), await nodeA.p2p(), await a.traffic());

  for (const report of [besidePaused, besideSlow]) {
    t.like(report, { bytes, isRight: true });
    t.true(report.longestReadMs < 5_000);
  }
  t.is((await b.traffic()).source, 0);
  t.true((await origin.sentOf('paused.bin')) < 1.1 * bytes);
  t.true((await origin.sentOf('slow.bin')) < 1.1 * bytes);
});

withCluster('credentials are never in the log of a dfdaemon', async (t) => {
  const bytes = 32 * MiB;
  const origin = await startOrigin(t);
  const original = await origin.put('a.bin', bytes);
  const { a } = await startCluster(t);
  const rule = { headers: { Authorization: 'Bearer of-the-user' } };
  const node = await mountNode(t, origin.host, a, { rule });
  t.like(await node.read('a.bin', original), { bytes, isRight: true });
  t.false((await a.log()).includes('of-the-user'));
  t.log(await node.p2p(), await a.traffic());
});
