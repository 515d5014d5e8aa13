import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, request as sendRequest } from 'node:http';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import {
  DFDAEMON_FAULTS,
  type FakeDfdaemon,
  startFakeDfdaemon,
  Swarm,
} from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { type Nginx, startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

const MiB = 1024 * 1024;
const BYTES = randomBytes(9 * MiB + 17);

async function startOrigin(t: ExecutionContext): Promise<Nginx & { replace(bytes: Buffer): Promise<void> }> {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a.bin'), BYTES);
  const nginx = await startNginx(t, { root });
  return Object.assign(nginx, { replace: (bytes: Buffer) => writeFile(join(root, 'a.bin'), bytes) });
}

interface Got {
  readonly status: number;
  readonly header: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly isWhole: boolean;
}

async function get(node: FakeDfdaemon, url: string, header: Record<string, string> = {}): Promise<Got> {
  const { hostname, port } = new URL(node.origin);
  const headers = { 'X-Dragonfly-Use-P2P': 'true', ...header };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sendRequest({ hostname, port, path: url, headers, agent: false }, resolve).on('error', reject).end();
  });
  const chunks: Buffer[] = [];
  let isWhole = true;
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch {
    isWhole = false;
  }
  return { status: answer.statusCode ?? 0, header: answer.headers, body: Buffer.concat(chunks), isWhole };
}

test('nodes of a swarm share what one of them downloads; the id is of the content field alone', async (t) => {
  const origin = await startOrigin(t);
  const swarm = new Swarm();
  const nodes = await Promise.all([1, 2, 3].map(() => startFakeDfdaemon(t, { swarm })));
  const field = { 'X-Dragonfly-Content-For-Calculating-Task-ID': 'one' };
  const all = await Promise.all(
    nodes.map((node, index) => get(node, `${origin.origin}/a.bin?x=${index}`, field)),
  );
  for (const { status, body, header } of all) {
    t.is(status, 200);
    t.true(body.equals(BYTES));
    t.is(header['content-length'], String(BYTES.byteLength));
    t.is(header['x-dragonfly-task-id'], all[0]?.header['x-dragonfly-task-id']);
  }
  const log = await origin.accessLog();
  t.is(log.filter(({ range }) => range === 'bytes=0-0').length, 3);
  t.is(
    log.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    BYTES.byteLength + 3,
  );
});

test('a known task is answered without the origin, with the header of its first request', async (t) => {
  const origin = await startOrigin(t);
  const node = await startFakeDfdaemon(t);
  const first = await get(node, `${origin.origin}/a.bin`);
  t.is(first.header['x-dragonfly-task-download-finished'], undefined);
  await origin.replace(randomBytes(100));
  const { length } = await origin.accessLog();
  const second = await get(node, `${origin.origin}/a.bin`, { Range: 'bytes=10-19' });
  t.is(second.status, 206);
  t.is(second.header['content-range'], `bytes 10-19/${BYTES.byteLength}`);
  t.is(second.header.etag, first.header.etag);
  t.is(second.header['x-dragonfly-task-download-finished'], 'true');
  t.true(second.body.equals(BYTES.subarray(10, 20)));
  t.is((await origin.accessLog()).length, length);
});

test('small ranges come from the source, and no other node has part in them', async (t) => {
  const origin = await startOrigin(t);
  const swarm = new Swarm();
  const [a, b] = [await startFakeDfdaemon(t, { swarm }), await startFakeDfdaemon(t, { swarm })];
  for (const node of [a, b]) {
    const { body } = await get(node, `${origin.origin}/a.bin`, { Range: `bytes=${5 * MiB}-${5 * MiB + 9}` });
    t.true(body.equals(BYTES.subarray(5 * MiB, 5 * MiB + 10)));
    t.deepEqual(node.traffic, { source: 4 * MiB, peers: 0 });
  }
});

test('a node waits for a piece that its parent does not fetch', async (t) => {
  const origin = await startOrigin(t);
  const swarm = new Swarm();
  const a = await startFakeDfdaemon(t, { swarm });
  const b = await startFakeDfdaemon(t, { swarm, collectedPieceTimeoutMs: 60 });
  await get(a, `${origin.origin}/a.bin`, { Range: `bytes=0-${4 * MiB}` });
  const { body } = await get(b, `${origin.origin}/a.bin`, { Range: `bytes=${4 * MiB - 1}-` });
  t.true(body.equals(BYTES.subarray(4 * MiB - 1)));
  t.deepEqual(b.traffic, { source: BYTES.byteLength - 8 * MiB, peers: 8 * MiB });
});

test('all fields but Host and Range reach the origin; its refusal comes back with the type of the error', async (t) => {
  const origin = await startOrigin(t);
  const node = await startFakeDfdaemon(t);
  const changed = await get(node, `${origin.origin}/a.bin`, { 'If-Match': '"other"' });
  t.is(changed.status, 412);
  t.is(changed.header['x-dragonfly-error-type'], 'backend');
  t.is(changed.body.byteLength, 0);
  // A task that failed begins anew.
  t.is((await get(node, `${origin.origin}/a.bin`)).status, 200);
  await origin.kill();
  const gone = await get(node, `${origin.origin}/b.bin`);
  t.is(`${gone.status} ${String(gone.header['x-dragonfly-error-type'])}`, '500 backend');
});

test('other requests go to the origin as they are', async (t) => {
  const origin = await startOrigin(t);
  const node = await startFakeDfdaemon(t);
  const { status, body, header } = await get(node, `${origin.origin}/a.bin`, {
    'X-Dragonfly-Use-P2P': 'false',
    Range: 'bytes=1-2',
  });
  t.is(status, 206);
  t.true(body.equals(BYTES.subarray(1, 3)));
  t.is(header['x-dragonfly-task-id'], undefined);
  t.is(node.requests[0]?.taskId, undefined);
});

test('each fault is seen once, and the next answer is right', async (t) => {
  const origin = await startOrigin(t);
  const node = await startFakeDfdaemon(t);
  const endless = new Set(['neverAnswers', 'rangeIgnored', 'stallsAtOnce', 'stallsMidBody', 'slow']);
  for (const [name, fault] of Object.entries(DFDAEMON_FAULTS)) {
    if (endless.has(name)) continue;
    node.add({ ...fault, times: 1 });
    const got = await get(node, `${origin.origin}/a.bin`).catch(() => undefined);
    const isRight =
      got?.status === 200 &&
      got.isWhole &&
      got.body.equals(BYTES) &&
      got.header.etag !== '"of-another-version"';
    t.false(isRight, name);
    t.true((await get(node, `${origin.origin}/a.bin`)).body.equals(BYTES), name);
  }
});

test('a killed node refuses connections, and other nodes go to the source', async (t) => {
  const origin = await startOrigin(t);
  const swarm = new Swarm();
  const [a, b] = [await startFakeDfdaemon(t, { swarm }), await startFakeDfdaemon(t, { swarm })];
  await get(a, `${origin.origin}/a.bin`);
  await a.kill();
  await t.throwsAsync(get(a, `${origin.origin}/a.bin`), { code: 'ECONNREFUSED' });
  t.true((await get(b, `${origin.origin}/a.bin`)).body.equals(BYTES));
  t.deepEqual(b.traffic, { source: BYTES.byteLength, peers: 0 });
  await a.start();
  t.true((await get(a, `${origin.origin}/a.bin`)).body.equals(BYTES));
  t.is(a.traffic.peers, BYTES.byteLength);
});
