/** Slow origins and greedy users leave connections to others. The slow ones are never answered, so nothing here is timed. */
import test, { type ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import type { HttpClientOptions } from '../../src/source/http/http-options.js';
import { Request, withUid } from '../../src/source/index.js';
import { type RawServer, startRawServer } from '../support/fault-server.js';
import { run } from '../support/run.js';
import { until } from '../support/until.js';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const [ALICE, BOB] = [1001, 1002];

type Get = (url: string, uid?: number) => Promise<string>;

/** What fails at the end of the test does not matter. */
function client(t: ExecutionContext, options: Partial<HttpClientOptions>): Get {
  const http = createHttpClient({ timeoutMs: 20_000, retries: 0, ...options });
  t.teardown(() => http.close());
  return async (url, uid) => {
    const signal = withUid(new AbortController().signal, uid);
    const response = await http.download(new Request(url, { signal }));
    let text = '';
    for await (const chunk of response.body) text += Buffer.from(chunk).toString();
    return text;
  };
}

const startHung = (t: ExecutionContext): Promise<RawServer> => startRawServer(t, () => undefined);
const startHealthy = (t: ExecutionContext): Promise<RawServer> =>
  startRawServer(t, (socket) => socket.write(ANSWER));

/** Asks, and waits until all that can be asked at once is. */
async function hang(get: Get, servers: readonly RawServer[], each: number, uid?: number): Promise<void> {
  for (const { origin } of servers) {
    for (let i = 0; i < each; i += 1) get(`${origin}/${i}`, uid).catch(() => undefined);
  }
  await until('the servers are asked', () => servers.every(({ requests }) => requests.length > 0));
}

// S75
test('origins that hang and have all connections leave some to another', async (t) => {
  const get = client(t, { maxConnectionsPerOrigin: 2, maxConnections: 4 });
  const hung = await Promise.all([startHung(t), startHung(t), startHung(t)]);
  await hang(get, hung, 3);
  const healthy = await startHealthy(t);
  t.is(await get(healthy.origin), 'ok');
  // No origin has more than its own limit, or than its share where all together have too many.
  const counts = hung.map(({ requests }) => requests.length);
  t.deepEqual(counts, [2, 2, 1]);
});

// S76
test('a user who has all connections to an origin leaves some to another user, and none to itself', async (t) => {
  const get = client(t, { maxConnectionsPerOrigin: 4 });
  const server = await startRawServer(t, (socket, head) => {
    if (!head.startsWith('GET /slow')) socket.write(ANSWER);
  });
  for (let i = 0; i < 20; i += 1) get(`${server.origin}/slow${i}`, ALICE).catch(() => undefined);
  await until('the server is asked', () => server.requests.length === 4);
  t.is(await get(`${server.origin}/quick`, BOB), 'ok');
  // One of hers goes out when his connection is idle again, and no more.
  await until('the idle connection is used', () => server.requests.length === 6);
  t.is(await get(`${server.origin}/quick`, BOB), 'ok');
  t.true(server.accepted() <= 6);
});

// S76
test('users whose requests wait take turns', async (t) => {
  const get = client(t, { maxConnectionsPerOrigin: 1 });
  const order: string[] = [];
  const server = await startRawServer(t, (socket, head) => {
    order.push(head.slice(5, head.indexOf(' HTTP')));
    setTimeout(() => socket.write(ANSWER), 1);
  });
  const names = ['a0', 'a1', 'a2', 'a3', 'b0', 'b1'];
  await Promise.all(names.map((name) => get(`${server.origin}/${name}`, name.startsWith('a') ? ALICE : BOB)));
  // Bob's share of one connection is one, which he has at once beside hers.
  const rest = order.filter((name) => name.startsWith('a'));
  t.deepEqual(rest, ['a0', 'a1', 'a2', 'a3']);
  t.true(order.indexOf('b1') < order.indexOf('a3'));
});

test('a user with as many origins as may be leaves connections to another user', async (t) => {
  const get = client(t, { maxConnectionsPerOrigin: 2, maxConnections: 2 });
  const hung = await Promise.all(Array.from({ length: 10 }, () => startHung(t)));
  for (const { origin } of hung) get(origin, ALICE).catch(() => undefined);
  const asked = (): number => hung.reduce((sum, { requests }) => sum + requests.length, 0);
  // Of eight at the most, half.
  await until('the servers are asked', () => asked() === 4);
  const healthy = await startHealthy(t);
  t.is(await get(healthy.origin, BOB), 'ok');
  // His connection is idle now, and stays his.
  get(hung[9]?.origin ?? '', ALICE).catch(() => undefined);
  t.is(await get(healthy.origin, BOB), 'ok');
  t.is(healthy.accepted(), 1);
  t.is(asked(), 4);
});

/** Asks 120 origins at once, all of which are one server, and prints how the requests ended. */
const MANY_ORIGINS = `
  import { once } from 'node:events';
  import { connect } from 'node:net';
  const [, clientUrl, indexUrl, port] = process.argv;
  const { createHttpClient } = await import(clientUrl);
  const { Request } = await import(indexUrl);
  const http = createHttpClient({
    retries: 0,
    connect: async (_url, onread) => {
      const socket = connect({ host: '127.0.0.1', port: Number(port), onread });
      await once(socket, 'connect');
      return socket;
    },
  });
  const get = async (_, index) => {
    const response = await http.download(new Request('http://host' + index + '.test/'));
    for await (const _chunk of response.body);
    return 'ok';
  };
  const ends = await Promise.all(Array.from({ length: 120 }, get).map((end) => end.catch((error) => error.found)));
  console.log(JSON.stringify([...new Set(ends)]));
  await http.close();
`;

test('connections leave descriptors to everything else', async (t) => {
  const server = await startRawServer(t, (socket) => setTimeout(() => socket.write(ANSWER), 100));
  const modules = ['http/http-client.js', 'index.js'].map(
    (path) => new URL(`../../src/source/${path}`, import.meta.url).href,
  );
  const limited = 'ulimit -n 96 && exec "$@"';
  const args = ['--input-type=module', '-e', MANY_ORIGINS, ...modules, new URL(server.origin).port];
  const { stdout, stderr } = await run('sh', ['-c', limited, 'sh', process.execPath, ...args]);
  t.is(stdout, '["ok"]\n', stderr);
});
