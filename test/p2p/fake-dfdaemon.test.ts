import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { type CheckedDfdaemon, checkDfdaemon, get } from '../support/dfdaemon-checks.js';
import { DFDAEMON_FAULTS, startFakeDfdaemon, Swarm } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

checkDfdaemon(test, async (t, seconds) => {
  const swarm = new Swarm();
  return { a: await startChecked(t, swarm, seconds), b: await startChecked(t, swarm, seconds) };
});

async function startChecked(t: ExecutionContext, swarm: Swarm, seconds: number): Promise<CheckedDfdaemon> {
  const node = await startFakeDfdaemon(t, { swarm, collectedPieceTimeoutMs: seconds * 1_000 });
  return {
    origin: node.origin,
    traffic: async () => node.traffic,
    log: async () => JSON.stringify(node.requests),
    kill: () => node.kill(),
  };
}

test('each fault is met by as many requests as it says', async (t) => {
  const bytes = randomBytes(9 * 1024 * 1024 + 17);
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a.bin'), bytes);
  const url = `${(await startNginx(t, { root })).origin}/a.bin`;
  const node = await startFakeDfdaemon(t);
  const endless = new Set(['neverAnswers', 'rangeIgnored', 'stallsAtOnce', 'stallsMidBody', 'slow']);
  for (const [name, fault] of Object.entries(DFDAEMON_FAULTS)) {
    if (endless.has(name)) continue;
    node.add({ ...fault, times: 1 });
    const got = await get(node, url).catch(() => undefined);
    const isOther = got?.header.etag === '"of-another-version"';
    t.false(got?.status === 200 && got.isWhole && got.body.equals(bytes) && !isOther, name);
    t.true((await get(node, url)).body.equals(bytes), name);
  }
});

test('a node that starts again has nothing, and takes it from others', async (t) => {
  const bytes = randomBytes(9 * 1024 * 1024 + 17);
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a.bin'), bytes);
  const url = `${(await startNginx(t, { root })).origin}/a.bin`;
  const swarm = new Swarm();
  const [a, b] = [await startFakeDfdaemon(t, { swarm }), await startFakeDfdaemon(t, { swarm })];
  await get(a, url);
  await get(b, url);
  await a.kill();
  await a.start();
  t.true((await get(a, url)).body.equals(bytes));
  t.deepEqual(a.traffic, { source: bytes.byteLength, peers: bytes.byteLength });
});
