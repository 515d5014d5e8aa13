/** The connections of sources that speak no HTTP: the policy is applied to each address. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type OnReadOpts, type Socket } from 'node:net';

import test, { type ExecutionContext } from 'ava';

import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { codeOf } from '../support/conformance/reading.js';

async function setUp(
  t: ExecutionContext,
  refused?: string,
): Promise<{ url: URL; connect: (signal?: AbortSignal, onread?: OnReadOpts) => Promise<Socket> }> {
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const engine = createHttpEngine({
    addressPolicy: (address) => (address === refused ? 'a rule of the test' : undefined),
  });
  t.teardown(() => engine.close());
  const { port } = server.address() as AddressInfo;
  const url = new URL(`ftp://127.0.0.1:${port}/`);
  return {
    url,
    connect: (signal = AbortSignal.timeout(30_000), onread) =>
      engine.connectTcp({ url, port, ...(onread && { onread }) }, signal),
  };
}

test('a source with a protocol of its own is connected', async (t) => {
  const { connect } = await setUp(t);
  const socket = await connect();
  const [data] = (await once(socket, 'data')) as [Buffer];
  t.is(data.toString(), 'hello');
});

test('a source is connected with memory of its own', async (t) => {
  const { connect } = await setUp(t);
  const memory = new Uint8Array(100);
  let received = 0;
  const callback = (bytes: number): boolean => {
    received += bytes;
    return true;
  };
  await once(await connect(undefined, { buffer: memory, callback }), 'close');
  t.is(Buffer.from(memory.subarray(0, received)).toString(), 'hello');
});

test('an address that the policy refuses is not connected to', async (t) => {
  const { connect } = await setUp(t, '127.0.0.1');
  t.is(await codeOf(connect()), 'ADDRESS_REFUSED');
});

test('a signal ends the attempt', async (t) => {
  const { connect } = await setUp(t);
  await t.throwsAsync(connect(AbortSignal.abort(new Error('given up'))), { message: 'given up' });
});
