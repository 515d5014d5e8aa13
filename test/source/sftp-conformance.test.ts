/** sftp against OpenSSH. */
import { chmod, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { fileSecret } from '../../src/source/auth/secret-source.js';
import { SSHD_MISSING, startSshd } from '../servers/sshd.js';
import { testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { sftpClient } from '../support/sftp-client.js';
import { temporaryDirectory } from '../support/temp.js';

async function setUp(t: ExecutionContext, timeoutMs: number): Promise<TestedSource> {
  // Root may read everything.
  const isRoot = process.getuid?.() === 0;
  const sshd = await startSshd(t, isRoot ? { user: 'nobody' } : {});
  const root = await temporaryDirectory(t);
  await chmod(root, 0o755);
  const keyFile = join(sshd.directory, 'current key');
  const useKey = async (key: string): Promise<void> => {
    await writeFile(keyFile, await readFile(join(sshd.directory, key)));
  };
  await useKey('key');
  await mkdir(join(root, 'forbidden'));
  await writeFile(join(root, 'forbidden', 'file'), 'x');
  await chmod(join(root, 'forbidden'), 0);
  const settings = {
    credentials: { kind: 'private key', user: sshd.user, key: fileSecret(keyFile) },
    knownHostsFile: sshd.knownHosts,
  } as const;
  const client = sftpClient(t, { timeoutMs, settingsFor: () => settings });
  // Each put is of another second, and long ago: a version that may still change is another matter.
  let second = Math.floor(Date.now() / 1000) - 3_600;
  return {
    client,
    forbidden: 'forbidden/file',
    urlOf: (name) => `sftp://${sshd.host}${root}/${name.split('/').map(encodeURIComponent).join('/')}`,
    put: async (name, content) => {
      const file = join(root, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      second += 1;
      await utimes(file, second, second);
    },
    chmod: (name, mode) => chmod(join(root, name), mode),
    expireCredentials: async () => {
      await useKey('other key');
      await sshd.authorize('other key');
    },
    revokeCredentials: () => sshd.authorize(undefined),
  };
}

if (SSHD_MISSING === undefined) {
  testSourceFully('sftp', {
    lacks: {
      front: 'it is no HTTP: sftp-faults.test.ts has its faults',
      'flat keys': 'names are those of files',
      archived: 'files are not archived',
    },
    setUp,
  });
} else {
  test.skip(`sftp against OpenSSH (${SSHD_MISSING})`, () => undefined);
}
