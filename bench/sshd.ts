/** OpenSSH's server on loopback, near and distant, and what its clients need to log in. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { freePort, untilConnects } from '../test/support/port.js';
import { printedPorts, run, start } from './programs.js';

const SSHD = '/usr/sbin/sshd';
const RELAY = fileURLToPath(new URL('relay.js', import.meta.url));

export interface Sshd {
  readonly near: SshPlace;
  readonly distant: SshPlace;
  /** Who runs the benchmark, and has all files of this machine there. */
  readonly user: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
}

export interface SshPlace {
  readonly port: number;
  /** For ssh(1): how to log in there. */
  readonly clientConfig: string;
}

/** Where there is none, nothing answers. `distantMs`: there and back. */
export async function startSshd(directory: string, distantMs: number): Promise<Sshd> {
  const own = join(directory, 'ssh');
  const [hostKey, keyFile, config] = [join(own, 'host_key'), join(own, 'key'), join(own, 'sshd_config')];
  const knownHostsFile = join(own, 'known_hosts');
  const [port, user] = [await freePort(), userInfo().username];
  const near = { port, clientConfig: join(own, 'near') };
  const distant = { port: await startRelay(port, distantMs / 2), clientConfig: join(own, 'distant') };
  const sshd: Sshd = { near, distant, user, keyFile, knownHostsFile };
  if (!existsSync(SSHD)) return sshd;
  await mkdir(own);
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  for (const file of [hostKey, keyFile])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  const publicKey = await readFile(`${hostKey}.pub`, 'utf8');
  await writeFile(
    knownHostsFile,
    [near, distant].map((place) => `[127.0.0.1]:${place.port} ${publicKey}`).join(''),
  );
  const settings = `
    Port=${port} ListenAddress=127.0.0.1 HostKey=${hostKey} AuthorizedKeysFile=${keyFile}.pub PidFile=none StrictModes=no
    UsePAM=no PermitRootLogin=prohibit-password`;
  const login = `User=${user} IdentityFile=${keyFile} IdentitiesOnly=yes UserKnownHostsFile=${knownHostsFile} BatchMode=yes`;
  await writeFile(config, `${lines(settings)}\nSubsystem sftp internal-sftp\n`);
  for (const place of [near, distant])
    await writeFile(place.clientConfig, lines(`Port=${place.port} ${login}`));
  start(SSHD, ['-D', '-f', config]);
  await untilConnects(port);
  return sshd;
}

async function startRelay(port: number, delayMs: number): Promise<number> {
  const [own = NaN] = await printedPorts(start(process.execPath, [RELAY, String(port), String(delayMs)]));
  return own;
}

function lines(settings: string): string {
  return settings.trim().split(/\s+/).join('\n');
}
