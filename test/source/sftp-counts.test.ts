/** What is requested of an SFTP server is counted as what is requested of one of HTTP. */
import test, { type ExecutionContext } from 'ava';

import { errorsOf } from '../../src/control/status.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import { RequestActivity, type RequestReport } from '../../src/source/request-activity.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import type { SftpSettings } from '../../src/source/settings.js';
import { type SftpServer, startSftpServer } from '../servers/sftp/sftp-server.js';
import { assertCode, read, stat, validatorsOf } from '../support/conformance/reading.js';
import { sftpClient } from '../support/sftp-client.js';
import { startTunnelProxy } from '../support/tunnel-proxy.js';

const CONTENT = Buffer.from('the content');

interface SetUp {
  readonly server: SftpServer;
  readonly client: CompleteClient;
  readonly url: string;
  readonly counted: () => RequestReport['hosts'][number] | undefined;
}

async function setUp(t: ExecutionContext, proxied = false): Promise<SetUp> {
  const server = await startSftpServer(t);
  server.files.set('/file', { kind: 'file', content: CONTENT });
  const settings: SftpSettings = {
    credentials: { kind: 'anonymous' },
    knownHostsFile: server.knownHosts,
    ...(proxied && { proxy: literalSecret(`http://${(await startTunnelProxy(t, server.port)).host}`) }),
  };
  const activity = new RequestActivity();
  const client = sftpClient(t, { settingsFor: () => settings, activity, retries: 0 });
  return {
    server,
    client,
    url: `sftp://${server.host}/file`,
    counted: () => activity.report.hosts[0],
  };
}

test('requests are counted by host and status, and content by its bytes', async (t) => {
  const { server, client, url, counted } = await setUp(t);
  await read(client, url, { pin: validatorsOf(await stat(client, url)) });
  await assertCode(stat(client, `${url}-none`), 'NOT_FOUND');
  // LSTAT, STAT, OPEN, READ and FSTAT, and the two of the missing name; the log of the server lacks INIT.
  t.is(server.log.length, 7);
  t.like(counted(), {
    scheme: 'sftp',
    host: server.host,
    requests: { ok: 6, no_such_file: 2 },
    receivedBytes: { direct: CONTENT.length },
    isFailing: false,
  });
  t.is(errorsOf(counted()?.requests ?? {}), 0);
});

test('requests without an answer are counted by the failure, and so are attempts to have a session', async (t) => {
  const { server, client, url, counted } = await setUp(t);
  server.fault = ({ type }) => (type === 'STAT' ? 'cut' : undefined);
  await assertCode(stat(client, url), 'CONNECTION_LOST');
  t.true((counted()?.requests['CONNECTION_LOST'] ?? 0) > 0);
  t.true(counted()?.isFailing);
  t.true(errorsOf(counted()?.requests ?? {}) > 0);
  server.fault = () => undefined;
  await stat(client, url);
  t.false(counted()?.isFailing);
  server.changeHostKey();
  server.cut();
  await assertCode(
    (async () => {
      for (;;) await stat(client, url).catch((error) => (isLost(error) ? undefined : Promise.reject(error)));
    })(),
    'HOST_KEY',
  );
  t.is(counted()?.requests['HOST_KEY'], 1);
  t.regex(counted()?.lastError?.message ?? '', /its key has changed/);
  // It is not connected to again for a while, and so not counted.
  await assertCode(stat(client, url), 'HOST_KEY');
  t.is(counted()?.requests['HOST_KEY'], 1);
});

test('content that comes by a forward proxy is counted so', async (t) => {
  const { client, url, counted } = await setUp(t, true);
  await read(client, url);
  t.deepEqual(counted()?.receivedBytes, { proxy: CONTENT.length });
});

function isLost(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'CONNECTION_LOST';
}
