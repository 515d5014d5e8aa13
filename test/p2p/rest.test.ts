/** Readers that pause: dfdaemon fetches no further than its client reads, and other nodes wait for it. */
import test, { type ExecutionContext } from 'ava';

import type { OpenResource } from '../../src/cache/resource-cache.js';
import type { HttpBody } from '../../src/source/http/http-body.js';
import { newResponse } from '../../src/source/index.js';
import { RestingBody } from '../../src/source/p2p/resting-body.js';
import { Swarm } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { until } from '../support/until.js';
import {
  type ClusterNode,
  contentOf,
  MIB,
  readAt,
  sentBytes,
  type ServedFile,
  serveFile,
  startNode,
} from './support.js';

/** More than the buffers of sockets hold: what they hold all of is not left. */
const LONG_BYTES = 64 * MIB + 12_345;

/** Reads a file in order up to a byte, and pauses. */
async function readUpTo(
  t: ExecutionContext,
  { cache }: ClusterNode,
  { url, content }: ServedFile,
  end: number,
): Promise<OpenResource> {
  const file = await cache.open(url);
  t.teardown(() => file.close());
  await readRest(t, file, content.subarray(0, end), 0);
  return file;
}

async function readRest(
  t: ExecutionContext,
  file: OpenResource,
  content: Buffer,
  from: number,
): Promise<void> {
  for (let at = from; at < content.byteLength; at += MIB) {
    t.true((await readAt(file, at, MIB)).equals(content.subarray(at, at + MIB)), `byte ${at}`);
  }
}

test.serial('a reader that pauses leaves dfdaemon, and goes on where it was', async (t) => {
  const served = await serveFile(t, LONG_BYTES);
  const node = await startNode(t, { aheadPieces: 2 });
  const { dfdaemon, peers } = node;
  const file = await readUpTo(t, node, served, 2 * MIB);
  await until('it is left', () => dfdaemon.requests[0]?.status !== 0);
  await until('it has all', () => dfdaemon.traffic.source === served.content.byteLength);
  await readRest(t, file, served.content, 2 * MIB);
  t.is(dfdaemon.requests.length, 2);
  t.regex(dfdaemon.requests[1]?.header.range ?? '', /^bytes=\d+-\d+$/);
  t.true((await sentBytes(served)) < served.content.byteLength * 1.1);
  t.like(peers.report, { requests: { ok: 1, error: 0, stall: 0 } });
});

test('what is sent again before the place of a pause is passed over', async (t) => {
  const content = Buffer.from('0123456789');
  const bodies = [content.subarray(0, 7), content.subarray(3)].map((bytes) => newResponse(bytes));
  const left = new Promise<void>((resolve) => {
    bodies[0] = Object.assign(newResponse(content.subarray(0, 7)), { cancel: resolve });
  });
  const reopened: number[] = [];
  const [first, second] = bodies as unknown as HttpBody[];
  if (first === undefined || second === undefined) return t.fail();
  const body = new RestingBody(first, {
    start: 0,
    end: content.byteLength,
    restAfterMs: 1,
    reopen: (position) => {
      reopened.push(position);
      return Promise.resolve({ start: 3, body: second });
    },
  });
  const memory = Buffer.alloc(content.byteLength);
  t.is(await body.read({ pieces: [memory.subarray(0, 7)] }), 7);
  await left;
  t.is(await body.read({ pieces: [memory.subarray(7)] }), 3);
  t.is(await body.read({ pieces: [Buffer.alloc(1)] }), 0);
  t.deepEqual(reopened, [7]);
  return t.true(memory.equals(content));
});

test.serial('a reader that pauses holds up no other node', async (t) => {
  const served = await serveFile(t);
  const swarm = new Swarm();
  const [a, b] = [await startNode(t, { swarm, aheadPieces: 2 }), await startNode(t, { swarm })];
  await readUpTo(t, a, served, 2 * MIB);
  t.true((await contentOf(b, served.url)).equals(served.content));
  t.like(b.peers.report, { requests: { ok: 1, stall: 0 } });
  t.is(b.dfdaemon.traffic.source, 0);
});

test.serial('a dfdaemon that has gone while its reader paused costs it nothing', async (t) => {
  const served = await serveFile(t, LONG_BYTES);
  const node = await startNode(t, { aheadPieces: 2 });
  const file = await readUpTo(t, node, served, 2 * MIB);
  await until('it is left', () => node.dfdaemon.requests[0]?.status !== 0);
  await node.dfdaemon.kill();
  await readRest(t, file, served.content, 2 * MIB);
  t.like(node.peers.report, { requests: { error: 1, ok: 0 } });
});
