import test from 'ava';

import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { Request } from '../../src/source/index.js';
import { RequestActivity } from '../../src/source/request-activity.js';
import { startFaultServer } from '../support/fault-server.js';
import { drained } from '../support/drained.js';

test('requests are counted by scheme, host and outcome, with their bytes and retries', async (t) => {
  const server = await startFaultServer(t, (_, response, count) => {
    response.writeHead(count === 1 ? 503 : 200).end(count === 1 ? '' : 'four');
  });
  const activity = new RequestActivity();
  const engine = createHttpEngine({ timeoutMs: 3_000, retries: 1, proxyFor: undefined, activity });
  t.teardown(() => engine.close());
  const caller = new Request('made-up://bucket/key');
  const { body } = await engine.send({ url: new URL(server.origin), allowed: [200] }, caller);
  await drained(body);
  const { host } = new URL(server.origin);
  const counted = {
    scheme: 'made-up',
    host,
    requests: { 503: 1, 200: 1 },
    receivedBytes: { direct: 4 },
    isFailing: false,
  };
  t.like(activity.report.hosts[0], counted);
  t.like(activity.report.schemes, [{ scheme: 'made-up', retries: { BUSY: 1 } }]);
  t.is(
    activity.report.schemes[0]?.firstByte[0]?.counts.counts.reduce((sum, count) => sum + count, 0),
    2,
  );
  await server.close();
  await t.throwsAsync(engine.send({ url: new URL(server.origin), allowed: [200] }, caller));
  const [failing] = activity.report.hosts;
  t.true((failing?.requests['CONNECTION_REFUSED'] ?? 0) > 0, JSON.stringify(failing));
  t.true(failing?.isFailing);
  t.regex(failing?.lastError?.message ?? '', /made-up:\/\/bucket\/key \(.*ECONNREFUSED/);
});

test('bytes are counted by route, and connections by what they do', async (t) => {
  const server = await startFaultServer(t, (_, response) => response.end('four'));
  const activity = new RequestActivity();
  const engine = createHttpEngine({ timeoutMs: 3_000, retries: 0, proxyFor: undefined, activity });
  t.teardown(() => engine.close());
  const route = { key: 'by proxy', proxy: new URL(server.origin) };
  const url = new URL('http://made-up.example/key');
  const { body } = await engine.send({ url, allowed: [200], route }, new Request(url));
  t.deepEqual(engine.report, { active: 1, paused: 0, idle: 0, waitingRequests: 0 });
  await drained(body);
  t.deepEqual(engine.report, { active: 0, paused: 0, idle: 1, waitingRequests: 0 });
  t.like(activity.report.hosts[0], { host: 'made-up.example', receivedBytes: { proxy: 4 } });
  t.is(activity.report.schemes[0]?.firstByte[0]?.route, 'proxy');
});

test('a request that its caller gave up is no failure of the host', async (t) => {
  const server = await startFaultServer(t, () => undefined);
  const activity = new RequestActivity();
  const engine = createHttpEngine({ timeoutMs: 3_000, retries: 0, proxyFor: undefined, activity });
  t.teardown(() => engine.close());
  const controller = new AbortController();
  const caller = new Request('made-up://bucket/key', { signal: controller.signal });
  const sent = engine.send({ url: new URL(server.origin), allowed: [200] }, caller);
  controller.abort();
  await t.throwsAsync(sent);
  t.like(activity.report.hosts[0], { requests: { INTERRUPTED: 1 }, isFailing: false });
});

test('a server that makes up statuses makes few counters', (t) => {
  const activity = new RequestActivity();
  for (let status = 100; status < 1_000; status += 1) activity.of('http', 'h').noteResponse(status, false);
  t.true(Object.keys(activity.report.hosts[0]?.requests ?? {}).length < 40);
});

test('hosts beyond fifty are counted together', (t) => {
  const activity = new RequestActivity();
  for (let i = 0; i < 1_000; i += 1) activity.of('http', `host-${i}`).noteResponse(200, false);
  activity.of('https', 'host-7').noteResponse(200, false);
  activity.of('https', 'host-700').noteResponse(200, false);
  const { hosts } = activity.report;
  t.deepEqual(
    hosts.filter(({ host }) => host === 'other').map(({ scheme, requests }) => [scheme, requests['200']]),
    [
      ['http', 950],
      ['https', 1],
    ],
  );
  t.is(hosts.length, 53);
});
