/** ftp without a client: what a host does when reads end in unusual ways. */
import { connect } from 'node:net';

import test, { type ExecutionContext } from 'ava';

import type { BodyTarget } from '../../src/source/body-target.js';
import { bodyReader } from '../../src/source/body-reader.js';
import type { ReceivingConnection } from '../../src/source/http/http-engine.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { Request } from '../../src/source/request.js';
import { download } from '../../src/source/schemes/ftp/ftp-download.js';
import { FtpHost } from '../../src/source/schemes/ftp/ftp-host.js';
import { ServerTraits } from '../../src/source/schemes/ftp/server-traits.js';
import { assertCode, assertSame } from '../support/conformance/reading.js';
import { type FtpFaultServer, startFtpFaultServer } from '../support/ftp-fault-server.js';
import { pattern } from '../support/tree.js';

const TIMEOUT_MS = 600_000;
const FILE_BYTES = 1_000_000;
const PART_BYTES = 300_000;

interface Hosted {
  readonly server: FtpFaultServer;
  readonly host: FtpHost;
  readonly url: string;
}

type Receive = (address: string, port: number) => ReceivingConnection;

async function hostOf(t: ExecutionContext, receive?: () => Receive | undefined): Promise<Hosted> {
  const server = await startFtpFaultServer(t);
  server.put('/file', pattern(FILE_BYTES));
  const engine = createHttpEngine();
  const url = `ftp://${server.host}/file`;
  const host = new FtpHost(
    {
      url: new URL('/', url),
      port: server.port,
      engine: {
        connectTcp: (target, signal) => engine.connectTcp(target, signal),
        tcpReceiver: () => receive?.(),
      },
      tlsMode: 'none',
      tls: undefined,
      account: undefined,
      timeoutMs: TIMEOUT_MS,
      traits: new ServerTraits(),
    },
    2,
  );
  t.teardown(async () => {
    host.close();
    await engine.close();
  });
  return { server, host, url };
}

test('a read that has all its bytes, and lost its transfer then, keeps no other one waiting', async (t) => {
  let isFirst = true;
  // All bytes, and at once a reset.
  const broken: Receive = (address, port) => {
    const socket = connect({ host: address, port })
      .on('error', () => undefined)
      .resume();
    const body = Promise.resolve({
      isReading: false,
      read: async ({ pieces: [piece = new Uint8Array()], onBytes }: BodyTarget) => {
        piece.set(pattern(PART_BYTES));
        onBytes?.(PART_BYTES);
        await Promise.reject(new Error('reset'));
        return PART_BYTES;
      },
      fail: () => undefined,
    });
    return { body, destroy: () => socket.destroy() };
  };
  const { host, url } = await hostOf(t, () => {
    const receive = isFirst ? broken : undefined;
    isFirst = false;
    return receive;
  });
  const path = { path: '/file', isHome: false };
  const stat = await host.run(
    { url: new URL(url), signal: undefined, priority: 'foreground', promotion: undefined },
    (session, endsAtMs) => host.stat(session, '/file', endsAtMs),
  );
  const pin = { etag: `"${(stat.modifiedMs ?? 0) / 1000}-${FILE_BYTES}"` };
  const parts = await Promise.all(
    [0, PART_BYTES].map((start) =>
      download(host, path, new Request(url, { range: { start, end: start + PART_BYTES }, pin })),
    ),
  );
  const bytes = parts.map(() => new Uint8Array(PART_BYTES));
  await Promise.all(
    parts.map((part, at) => bodyReader(part).read({ pieces: [bytes[at] ?? new Uint8Array()] })),
  );
  assertSame(Buffer.concat(bytes), pattern(FILE_BYTES).subarray(0, 2 * PART_BYTES));
  t.pass();
});

test('nothing is connected to for a request that comes when all is closed', async (t) => {
  const { server, host, url } = await hostOf(t);
  host.close();
  const caller = {
    url: new URL(url),
    signal: undefined,
    priority: 'foreground',
    promotion: undefined,
  } as const;
  await assertCode(
    host.run(caller, () => Promise.resolve()),
    'INTERRUPTED',
  );
  t.deepEqual(server.sessions, []);
});
