/** ftp and ftps against vsftpd, which demands the session of TLS on data connections, and pyftpdlib. */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import type { FtpSettings } from '../../src/source/settings.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { ftpClient } from '../support/ftp-client.js';
import { type FtpServerProcess, putFile, startPyftpdlib, startVsftpd } from '../support/ftp-servers.js';
import { startedOnce } from '../support/started-once.js';

const LACKS = {
  front: 'it speaks no HTTP: ftp-faults.test.ts',
  'flat keys': 'names are those of a file system',
  archived: 'there is no archive',
  expireCredentials: 'a login does not expire: ftp-login.test.ts',
  revokeCredentials: 'a login does not expire: ftp-login.test.ts',
} as const;

interface Server {
  readonly scheme: 'ftp' | 'ftps';
  readonly settingsOf: (server: FtpServerProcess) => FtpSettings;
  readonly started: () => Promise<FtpServerProcess>;
}

let directories = 0;

async function setUp(
  t: ExecutionContext,
  timeoutMs: number,
  { scheme, settingsOf, started }: Server,
): Promise<TestedSource> {
  const server = await started();
  const own = `test ${(directories += 1)}`;
  const root = join(server.root, own);
  await putFile(root, 'forbidden', Buffer.from('x'));
  return {
    client: ftpClient(t, { scheme, settings: settingsOf(server), timeoutMs }),
    forbidden: 'forbidden',
    urlOf: (name) =>
      `${scheme}://${server.host}/~/${[own, ...name.split('/')].map(encodeURIComponent).join('/')}`,
    put: (name, content) => putFile(root, name, content),
    chmod: (name, mode) => chmod(join(root, name), mode),
    canPut: (name) => !name.includes('\n'),
  };
}

function testServer(name: string, lacks: object, server: Server): void {
  testSourceFully(name, {
    lacks: { ...LACKS, ...lacks },
    setUp: (t, timeoutMs) => setUp(t, timeoutMs, server),
  });
}

const listedVersions = { 'listed versions': 'LIST has no exact times' };

testServer('ftp by vsftpd', listedVersions, {
  scheme: 'ftp',
  settingsOf: () => ({}),
  started: startedOnce((all) => startVsftpd(all, 'none')),
});
testServer('ftp by vsftpd with explicit TLS', listedVersions, {
  scheme: 'ftp',
  settingsOf: ({ ca }) => ({ tls: { ca, mode: 'explicit' } }),
  started: startedOnce((all) => startVsftpd(all, 'explicit')),
});
testServer('ftps by vsftpd', listedVersions, {
  scheme: 'ftps',
  settingsOf: ({ ca }) => ({ tls: { ca } }),
  started: startedOnce((all) => startVsftpd(all, 'implicit')),
});
testServer(
  'ftp by pyftpdlib',
  { forbidden: 'it runs as the user who has the files' },
  {
    scheme: 'ftp',
    settingsOf: () => ({}),
    started: startedOnce((all) => startPyftpdlib(all)),
  },
);
