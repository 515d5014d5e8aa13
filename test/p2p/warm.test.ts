/** Files that are brought to disk come by the cluster, too. */
import test from 'ava';

import { DEFAULT_CACHE_OPTIONS } from '../../src/cache/cache-options.js';
import { DFDAEMON_FAULTS, Swarm } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { startFaultFront } from '../support/fault-front.js';
import { temporaryDirectory } from '../support/temp.js';
import { storeFor } from '../cache/disk-store-support.js';
import { warmJobsOf } from '../support/warmed.js';
import { contentOf, sentBytes, serveFile, startNode } from './support.js';

const { blockBytes } = DEFAULT_CACHE_OPTIONS;

test.serial('nodes that are warmed cost the origin one download, without ranges', async (t) => {
  const served = await serveFile(t);
  const swarm = new Swarm();
  for (let number = 0; number < 2; number += 1) {
    const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes });
    const node = await startNode(t, { swarm, disk });
    const { report } = await warmJobsOf(node.cache).warm([served.url]);
    t.like(report, { state: 'done', files: 1, failed: 0, doneBytes: served.content.length });
    t.is(node.dfdaemon.requests.length, 1);
    t.is(node.dfdaemon.requests[0]?.header.range, undefined);
    t.is(node.dfdaemon.requests[0]?.header['x-dragonfly-priority'], '3');
    t.true((await contentOf(node, served.url)).equals(served.content));
  }
  const bytes = await sentBytes(served);
  t.true(bytes < served.content.length * 1.1, `${bytes}`);
});

test.serial('what the cluster does not bring comes from the source', async (t) => {
  const served = await serveFile(t);
  const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes });
  const node = await startNode(t, { disk });
  node.dfdaemon.add(DFDAEMON_FAULTS.cutMidBody);
  const { report } = await warmJobsOf(node.cache).warm([served.url]);
  t.like(report, { state: 'done', files: 1, failed: 0, doneBytes: served.content.length });
  t.true((await contentOf(node, served.url)).equals(served.content));
});

test.serial('what is warmed comes in order, however late its first bytes are', async (t) => {
  const served = await serveFile(t);
  const front = await startFaultFront(t, served.nginx.origin);
  front.add({ times: 1, drip: { bytes: 16_384, everyMs: 50 } });
  const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes });
  const node = await startNode(t, { disk });
  const { report } = await warmJobsOf(node.cache).warm([`${front.origin}/a.bin`]);
  t.like(report, { state: 'done', files: 1, failed: 0, doneBytes: served.content.length });
  t.is(node.dfdaemon.requests.length, 1);
  const bytes = await sentBytes(served);
  t.true(bytes < served.content.length * 1.1, `${bytes}`);
});
