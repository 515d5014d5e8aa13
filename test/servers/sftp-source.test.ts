/** sftp against servers that others wrote. */
import { chmod, copyFile, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { fileSecret } from '../../src/source/auth/secret-source.js';
import { type Need, testSourceFully, type TestedSource } from '../support/conformance/suite.js';
import { freePort } from '../support/port.js';
import { sftpClient } from '../support/sftp-client.js';
import { temporaryDirectory } from '../support/temp.js';
import { startServerProcess } from './server-process.js';
import { makeKey } from './sshd.js';
import { findTool } from './tools.js';

const ASYNCSSH = `
import asyncio, asyncssh, sys
port, host_key, authorized = sys.argv[1:]
async def main():
    await asyncssh.listen('127.0.0.1', int(port), server_host_keys=[host_key], authorized_client_keys=authorized, sftp_factory=True)
    await asyncio.Event().wait()
asyncio.run(main())
`;

interface Place {
  readonly port: number;
  readonly hostKey: string;
  readonly authorizedKeys: string;
  /** Of what is served. */
  readonly root: string;
}

interface StrongServer {
  readonly tool: string;
  readonly command: (program: string, place: Place) => readonly string[];
  /** Whether its paths begin at the root of the machine. */
  readonly isWhole: boolean;
  readonly canPut?: (name: string) => boolean;
  readonly lacks?: Readonly<Partial<Record<Need, string>>>;
}

const SERVERS: Readonly<Record<string, StrongServer>> = {
  asyncssh: {
    tool: 'python/bin/python',
    command: (program, { port, hostKey, authorizedKeys }) => [
      program,
      '-c',
      ASYNCSSH,
      String(port),
      hostKey,
      authorizedKeys,
    ],
    isWhole: true,
  },
  'rclone serve sftp': {
    tool: 'python/bin/rclone',
    command: (program, { port, hostKey, authorizedKeys, root }) => [
      program,
      '--config=',
      'serve',
      'sftp',
      '--addr',
      `127.0.0.1:${port}`,
      '--key',
      hostKey,
      '--authorized-keys',
      authorizedKeys,
      // What is put into the directory is there at once.
      '--dir-cache-time=1ms',
      root,
    ],
    isWhole: false,
    // It shows others for control characters.
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    canPut: (name) => !/[\u0000-\u001f]/.test(name),
    lacks: { modes: 'it shows the same for all files' },
  },
};

async function setUp(
  t: ExecutionContext,
  { command, isWhole, canPut }: StrongServer,
  program: string,
  timeoutMs: number,
): Promise<TestedSource> {
  const [directory, root] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  const [hostKey, key] = [join(directory, 'host'), join(directory, 'key')];
  await makeKey(hostKey);
  await makeKey(key);
  const authorizedKeys = join(directory, 'authorized');
  await copyFile(`${key}.pub`, authorizedKeys);
  const port = await freePort();
  await startServerProcess(t, port, command(program, { port, hostKey, authorizedKeys, root }));

  const knownHostsFile = join(directory, 'known_hosts');
  await writeFile(knownHostsFile, `[127.0.0.1]:${port} ${await readFile(`${hostKey}.pub`, 'utf8')}`);
  const user = userInfo().username;
  const credentials = { kind: 'private key', user, key: fileSecret(key) } as const;
  const settings = { credentials, knownHostsFile };
  const client = sftpClient(t, { timeoutMs, settingsFor: () => settings });
  let second = Math.floor(Date.now() / 1000) - 3_600;
  return {
    client,
    ...(canPut && { canPut }),
    urlOf: (name) =>
      `sftp://127.0.0.1:${port}${isWhole ? root : ''}/${name.split('/').map(encodeURIComponent).join('/')}`,
    chmod: (name, mode) => chmod(join(root, name), mode),
    put: async (name, content) => {
      const file = join(root, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      second += 1;
      await utimes(file, second, second);
    },
  };
}

const LACKS = {
  front: 'it is no HTTP',
  forbidden: 'one user may read all',
  archived: 'files are not archived',
  expireCredentials: 'keys do not expire',
  revokeCredentials: 'its keys stay',
  'flat keys': 'names are those of files',
};

for (const [name, server] of Object.entries(SERVERS)) {
  const tool = findTool(server.tool);
  if ('missing' in tool) test.skip(`sftp of ${name} (${tool.missing})`, () => undefined);
  else
    testSourceFully(`sftp of ${name}`, {
      lacks: { ...LACKS, ...server.lacks },
      // A port that was free may be taken by another server of the same moment.
      isSerial: true,
      setUp: (t, timeoutMs) => setUp(t, server, tool.path, timeoutMs),
    });
}
