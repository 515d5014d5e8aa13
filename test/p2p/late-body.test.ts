import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';

import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { Request } from '../../src/source/index.js';
import { startFaultServer } from '../support/fault-server.js';
import { drained } from '../support/drained.js';

const LIMIT_MS = 2_000;
const HEAD_MS = 1_500;

test('the wait for the head counts to the wait for the body, whose first piece may come last', async (t) => {
  const dfdaemon = await startFaultServer(t, (_, response) => {
    void sleep(HEAD_MS).then(() => {
      response.writeHead(200, { 'content-length': 1_000_000 }).flushHeaders();
    });
  });
  const engine = createHttpEngine();
  t.teardown(() => engine.close());
  const url = new URL('http://origin.test/a.bin');
  const { body } = await engine.sendToPeers(
    {
      proxy: new URL(dfdaemon.origin),
      url,
      header: {},
      expectedBytes: 0,
      headersTimeoutMs: 60_000,
      idleTimeoutMs: LIMIT_MS,
    },
    new Request(url.href),
  );
  const beganMs = performance.now();
  await t.throwsAsync(drained(body));
  const waitedMs = performance.now() - beganMs;
  t.true(waitedMs < LIMIT_MS, `${waitedMs}`);
});
