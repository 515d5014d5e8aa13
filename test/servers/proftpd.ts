/** ProFTPD, unpacked from Debian's packages: it has facts, reports links themselves, and has TLS of its own. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { ExecutionContext } from 'ava';

import { createCertificate } from '../support/certificate.js';
import type { FtpServerProcess } from '../support/ftp-servers.js';
import { freePort, untilConnects } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';

const execute = promisify(execFile);
export const PROFTPD_USER = 'ada';
export const PROFTPD_PASSWORD = 'secret of ada';

/** `program`: as `findTool` has it. With TLS, login and data must be encrypted, and data resume the session. */
export async function startProftpd(
  t: Pick<ExecutionContext, 'teardown'>,
  program: string,
  tls: 'none' | 'explicit' | 'implicit',
): Promise<FtpServerProcess> {
  const directory = await temporaryDirectory(t);
  const root = join(directory, 'root');
  await mkdir(root);
  const tools = join(program, '..', '..', '..');
  const port = await freePort();
  const { certificate, key } = await createCertificate(t, 'IP:127.0.0.1');
  const { uid, gid, username } = userInfo();
  const { stdout: hash } = await execute('openssl', ['passwd', '-5', PROFTPD_PASSWORD]);
  const passwords = join(directory, 'passwd');
  await writeFile(passwords, `${PROFTPD_USER}:${hash.trim()}:${uid}:${gid}::${root}:/bin/false\n`, {
    mode: 0o600,
  });
  const { stdout: group } = await execute('id', ['-gn']);
  const secure = [
    'LoadModule mod_tls.c',
    'TLSEngine on',
    'TLSRequired on',
    `TLSECCertificateFile ${certificate}`,
    `TLSECCertificateKeyFile ${key}`,
    ...(tls === 'implicit' ? ['TLSOptions UseImplicitSSL'] : []),
  ];
  const directives = [
    'ServerName test',
    'ServerType standalone',
    `Port ${port}`,
    'DefaultAddress 127.0.0.1',
    'UseReverseDNS off',
    'UseIPv6 off',
    `User ${username}`,
    `Group ${group.trim()}`,
    `PidFile ${directory}/pid`,
    `ScoreboardFile ${directory}/scoreboard`,
    `SystemLog ${directory}/log`,
    'DelayTable none',
    'TransferLog none',
    'WtmpLog off',
    `AuthUserFile ${passwords}`,
    'AuthOrder mod_auth_file.c',
    'RequireValidShell off',
    'RootLogin on',
    `ModulePath ${tools}/usr/lib/proftpd`,
    ...(tls === 'none' ? [] : secure),
  ];
  const config = join(directory, 'proftpd.conf');
  await writeFile(config, directives.map((line) => `${line}\n`).join(''));
  const libraries = (await readdir(join(tools, 'usr', 'lib'))).map((name) => join(tools, 'usr', 'lib', name));
  const env = { ...process.env, LD_LIBRARY_PATH: libraries.join(':') };
  const child = spawn(program, ['-n', '-c', config], { stdio: 'ignore', detached: true, env });
  t.teardown(async () => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const exit = once(child, 'exit');
    process.kill(-child.pid, 'SIGKILL');
    await exit;
  });
  await untilConnects(port);
  return { host: `127.0.0.1:${port}`, port, root, ca: certificate };
}
