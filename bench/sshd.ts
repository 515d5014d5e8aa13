/** OpenSSH's server on loopback, and what its clients need to log in. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import { freePort, untilConnects } from '../test/support/port.js';
import { run, start } from './programs.js';

const SSHD = '/usr/sbin/sshd';

export interface Sshd {
  readonly port: number;
  /** Who runs the benchmark, and has all files of this machine there. */
  readonly user: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  /** All that for ssh(1). */
  readonly clientConfig: string;
}

/** Where there is none, nothing listens. */
export async function startSshd(directory: string): Promise<Sshd> {
  const own = join(directory, 'ssh');
  const [hostKey, keyFile, config] = [join(own, 'host_key'), join(own, 'key'), join(own, 'sshd_config')];
  const [knownHostsFile, clientConfig] = [join(own, 'known_hosts'), join(own, 'ssh_config')];
  const [port, user] = [await freePort(), userInfo().username];
  const sshd: Sshd = { port, user, keyFile, knownHostsFile, clientConfig };
  if (!existsSync(SSHD)) return sshd;
  await mkdir(own);
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  for (const file of [hostKey, keyFile])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  await writeFile(knownHostsFile, `[127.0.0.1]:${port} ${await readFile(`${hostKey}.pub`, 'utf8')}`);
  const settings = `
    Port=${port} ListenAddress=127.0.0.1 HostKey=${hostKey} AuthorizedKeysFile=${keyFile}.pub PidFile=none StrictModes=no
    UsePAM=no PermitRootLogin=prohibit-password`;
  const login = `
    Port=${port} User=${user} IdentityFile=${keyFile} IdentitiesOnly=yes UserKnownHostsFile=${knownHostsFile} BatchMode=yes`;
  await writeFile(config, `${lines(settings)}\nSubsystem sftp internal-sftp\n`);
  await writeFile(clientConfig, lines(login));
  start(SSHD, ['-D', '-f', config]);
  await untilConnects(port);
  return sshd;
}

function lines(settings: string): string {
  return settings.trim().split(/\s+/).join('\n');
}
