/** ftp and ftps against ProFTPD. */
import { chmod, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { Request } from '../../src/source/request.js';
import type { FtpSettings } from '../../src/source/settings.js';
import { read, stat } from '../support/conformance/reading.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { ftpClient } from '../support/ftp-client.js';
import { type FtpServerProcess, putFile } from '../support/ftp-servers.js';
import { startedOnce } from '../support/started-once.js';
import { PROFTPD_PASSWORD, PROFTPD_USER, startProftpd } from './proftpd.js';
import { findTool } from './tools.js';
import { testWith } from './with-tool.js';

const PROGRAM = 'proftpd/usr/sbin/proftpd';
const CREDENTIALS = {
  kind: 'password',
  user: PROFTPD_USER,
  password: literalSecret(PROFTPD_PASSWORD),
} as const;
const LACKS = {
  front: 'it speaks no HTTP',
  'flat keys': 'names are those of a file system',
  forbidden: 'it runs as the user who has the files',
  archived: 'there is no archive',
  expireCredentials: 'a login does not expire',
  revokeCredentials: 'a login does not expire',
} as const;

let directories = 0;

async function setUp(
  t: ExecutionContext,
  timeoutMs: number,
  started: () => Promise<FtpServerProcess>,
  settings: FtpSettings,
): Promise<TestedSource> {
  const { host, root, ca } = await started();
  const own = `test ${(directories += 1)}`;
  await putFile(root, `${own}/.keep`, Buffer.from('x'));
  const tls = settings.tls && { ...settings.tls, ca };
  return {
    client: ftpClient(t, { settings: { credentials: CREDENTIALS, ...(tls && { tls }) }, timeoutMs }),
    urlOf: (name) =>
      `ftp://${host}/~/${[own, 'files', ...name.split('/')].map(encodeURIComponent).join('/')}`,
    put: (name, content) => putFile(join(root, own, 'files'), name, content),
    chmod: (name, mode) => chmod(join(root, own, 'files', name), mode),
    canPut: (name) => !name.includes('\n'),
  };
}

const found = findTool(PROGRAM);
for (const mode of ['none', 'explicit', 'implicit'] as const) {
  const name = `ftp by ProFTPD, TLS: ${mode}`;
  if ('missing' in found) {
    test.skip(`${name} (${found.missing})`, () => undefined);
  } else {
    const started = startedOnce((all) => startProftpd(all, found.path, mode));
    const settings: FtpSettings = mode === 'none' ? {} : { tls: { mode } };
    testSourceFully(name, {
      // Each connection takes it long: all at once they come near the deadlines.
      isSerial: true,
      lacks: LACKS,
      setUp: (t, timeoutMs) => setUp(t, timeoutMs, started, settings),
    });
  }
}

testWith(
  PROGRAM,
  'a link has the size and time of what it leads to, whatever ProFTPD says',
  async (t, program) => {
    const { host, root } = await startProftpd(t, program, 'none');
    await putFile(root, 'dir/target', Buffer.from('the content'));
    await symlink('target', join(root, 'dir/link'));
    await symlink('nowhere', join(root, 'dir/broken'));
    await symlink('.', join(root, 'dir/itself'));
    const client = ftpClient(t, { settings: { credentials: CREDENTIALS } });
    const url = `ftp://${host}/~/dir`;
    const names = (await client.list(new Request(`${url}/`))).map(({ name, isDir, size }) => [
      name,
      isDir,
      size,
    ]);
    t.deepEqual(
      names.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
      [
        ['itself', true, undefined],
        ['link', false, 11],
        ['target', false, 11],
      ],
    );
    t.is((await read(client, `${url}/link`)).toString(), 'the content');
    await utimes(join(root, 'dir/target'), 1_700_000_000, 1_700_000_000);
    t.is((await stat(client, `${url}/link`)).lastModified, 1_700_000_000_000);
  },
);
