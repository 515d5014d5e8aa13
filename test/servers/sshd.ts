/** Debian's OpenSSH server on loopback, with its internal SFTP server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { run } from '../support/run.js';
import { freePort, untilConnects } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';

const PROGRAM = '/usr/sbin/sshd';

/** Why it cannot be started here. */
export const SSHD_MISSING = existsSync(PROGRAM) ? undefined : `there is no ${PROGRAM}`;

export interface Sshd {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** With the keys: `key`, `other key`, `host key`, and `known_hosts`. */
  readonly directory: string;
  readonly knownHosts: string;
  /** Which of the keys logs in from now on; undefined: none. Sessions are ended. */
  authorize(key: 'key' | 'other key' | undefined): Promise<void>;
  /** Ends the sessions, and takes new ones. */
  restart(): Promise<void>;
  log(): Promise<string>;
}

export interface SshdOptions {
  /** Root may log in users without rights. Default: the user of this process. */
  readonly user?: string;
  /** Before all others, of which the first of a name counts. */
  readonly lines?: readonly string[];
}

export async function startSshd(
  t: ExecutionContext,
  { user = userInfo().username, lines = [] }: SshdOptions = {},
): Promise<Sshd> {
  const directory = await temporaryDirectory(t);
  await chmod(directory, 0o755);
  // Left by no package of the test's own.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  for (const key of ['key', 'other key', 'host key']) await makeKey(join(directory, key));
  const port = await freePort();
  const config = join(directory, 'sshd_config');
  await writeFile(config, configuration(directory, port, user, lines));
  const hostKey = await readFile(join(directory, 'host key.pub'), 'utf8');
  const knownHosts = join(directory, 'known_hosts');
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${hostKey}`);
  let child: ChildProcess | undefined;
  let log = '';

  const stop = async (): Promise<void> => {
    const ending = child;
    if (ending?.pid === undefined) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    const { stdout } = await run('pgrep', ['-P', String(ending.pid)]);
    child = undefined;
    ending.kill('SIGKILL');
    await ended;
    // Each of its sessions leads a process group.
    for (const pid of stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(Number)) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  };
  const start = async (): Promise<void> => {
    const started = spawn(PROGRAM, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    started.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    child = started;
    const ended = new Promise<never>((_, reject) =>
      started.once('exit', () => reject(new Error(`sshd has ended: ${log}`))),
    );
    ended.catch(() => undefined);
    await Promise.race([untilConnects(port), ended]);
  };
  const sshd: Sshd = {
    host: `127.0.0.1:${port}`,
    port,
    user,
    directory,
    knownHosts,
    authorize: async (key) => {
      const text = key === undefined ? '' : await readFile(join(directory, `${key}.pub`), 'utf8');
      await writeFile(join(directory, 'authorized_keys'), text);
      if (child !== undefined) await sshd.restart();
    },
    restart: async () => {
      await stop();
      await start();
    },
    log: () => Promise.resolve(log),
  };
  t.teardown(stop);
  await sshd.authorize('key');
  await start();
  return sshd;
}

/** Without a passphrase, unless one is given. */
export async function makeKey(file: string, passphrase = '', ...options: readonly string[]): Promise<void> {
  const kind = options.length > 0 ? options : ['-t', 'ed25519'];
  const made = await run('ssh-keygen', ['-q', ...kind, '-N', passphrase, '-C', 'test', '-f', file]);
  if (made.code !== 0) throw new Error(made.stderr);
  chmodSync(file, 0o600);
}

function configuration(directory: string, port: number, user: string, lines: readonly string[]): string {
  return [
    ...lines,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey "${directory}/host key"`,
    `AuthorizedKeysFile "${directory}/authorized_keys"`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    `AllowUsers ${user}`,
    'LogLevel VERBOSE',
    'Subsystem sftp internal-sftp',
    '',
  ].join('\n');
}
