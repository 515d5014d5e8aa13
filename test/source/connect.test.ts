import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type OnReadOpts, type Server, type Socket } from 'node:net';

import test, { type ExecutionContext } from 'ava';

import { addressPolicy } from '../../src/source/address-policy.js';
import { createConnect } from '../../src/source/http/connect.js';

const ONREAD: OnReadOpts = { buffer: new Uint8Array(1), callback: () => true };
/** Its queue is full, so that the kernel drops all further SYNs until the process accepts. */
const FULL_SERVER = `
import socket, sys
server = socket.socket()
server.bind((sys.argv[1], int(sys.argv[2])))
server.listen(0)
waiting = socket.create_connection(server.getsockname())
print(server.getsockname()[1], flush=True)
sys.stdin.readline()
while True: server.accept()
`;

interface FullServer {
  readonly port: number;
  readonly accept: () => void;
}

async function startFullServer(t: ExecutionContext, address: string, port = 0): Promise<FullServer> {
  const child = spawn('python3', ['-c', FULL_SERVER, address, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(line), accept: () => child.stdin.write('\n') };
}

async function startServer(t: ExecutionContext, address: string, port: number): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(port, address);
  t.teardown(() => server.close());
  await once(server, 'listening');
  return server;
}

/** Of those that are not connected to by it: all are IPv4 really. */
function familyOf(address: string): number {
  return address.endsWith('.6') ? 6 : 4;
}

async function connect(
  t: ExecutionContext,
  port: number,
  addresses: readonly string[],
  signal = new AbortController().signal,
): Promise<Socket> {
  const begin = createConnect({
    ca: undefined,
    resolver: {
      resolve: () => Promise.resolve(addresses.map((address) => ({ address, family: familyOf(address) }))),
    },
    addressPolicy: addressPolicy({ isShared: false, allowed: [] }),
  });
  const socket = await begin(new URL(`http://host.test:${port}/`), ONREAD, signal);
  t.teardown(() => socket.destroy());
  return socket;
}

// S78
test('an address that drops packets does not hold up the next one', async (t) => {
  const { port } = await startFullServer(t, '127.0.0.2');
  await startServer(t, '127.0.0.1', port);
  const beganMs = performance.now();
  const socket = await connect(t, port, ['127.0.0.2', '127.0.0.1']);
  t.is(socket.remoteAddress, '127.0.0.1');
  // The next one begins after 250 ms; a quarter of the connect timeout was ten times that.
  t.true(performance.now() - beganMs < 2_400);
});

test('an address that is slow is not given up for the next one', async (t) => {
  const slow = await startFullServer(t, '127.0.0.2');
  await startFullServer(t, '127.0.0.3', slow.port);
  const connecting = connect(t, slow.port, ['127.0.0.2', '127.0.0.3']);
  setTimeout(slow.accept, 500);
  t.is((await connecting).remoteAddress, '127.0.0.2');
});

test('an address that refuses is followed by the next one at once, and the last failure counts', async (t) => {
  const server = await startServer(t, '127.0.0.1', 0);
  const { port } = server.address() as { port: number };
  t.is((await connect(t, port, ['127.0.0.2', '127.0.0.1'])).remoteAddress, '127.0.0.1');
  const refused = await t.throwsAsync(connect(t, port, ['127.0.0.2', '127.0.0.3']));
  t.regex(String(refused), /ECONNREFUSED 127\.0\.0\.3/);
});

// S78
test('the families take turns', async (t) => {
  const server = await startServer(t, '127.0.0.1', 0);
  const { port } = server.address() as { port: number };
  await startServer(t, '127.0.2.6', port);
  const socket = await connect(t, port, ['127.0.1.6', '127.0.2.6', '127.0.0.1']);
  t.is(socket.remoteAddress, '127.0.0.1');
});

test('an attempt that is given up ends at once', async (t) => {
  const { port } = await startFullServer(t, '127.0.0.2');
  const controller = new AbortController();
  const connecting = connect(t, port, ['127.0.0.2'], controller.signal);
  setImmediate(() => controller.abort(new Error('given up')));
  t.is((await t.throwsAsync(connecting)).message, 'given up');
});
