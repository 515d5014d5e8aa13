/** Real servers of FTP on loopback: vsftpd, which lists for people only, and pyftpdlib, which knows facts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { createCertificate } from './certificate.js';
import { freePort, untilConnects } from './port.js';
import { temporaryDirectory } from './temp.js';

type Teardowns = Pick<ExecutionContext, 'teardown'>;

export interface FtpServerProcess {
  readonly host: string;
  readonly port: number;
  /** Its files. To a client they are below `/~/`. */
  readonly root: string;
  /** Of its certificate, which is its own authority. */
  readonly ca: string;
}

/** `explicit` demands TLS for login and data, with the session of the control connection; `implicit` begins with it. */
export async function startVsftpd(
  t: Teardowns,
  tls: 'none' | 'explicit' | 'implicit',
  settings: Readonly<Record<string, string>> = {},
): Promise<FtpServerProcess> {
  const [directory, root, empty] = await directories(t);
  const port = await freePort();
  const { certificate, key } = await createCertificate(t, 'IP:127.0.0.1');
  const secure = {
    ssl_enable: 'YES',
    allow_anon_ssl: 'YES',
    force_anon_logins_ssl: 'YES',
    force_anon_data_ssl: 'YES',
    require_ssl_reuse: 'YES',
    ssl_ciphers: 'HIGH',
    rsa_cert_file: certificate,
    rsa_private_key_file: key,
    implicit_ssl: tls === 'implicit' ? 'YES' : 'NO',
  };
  const config = join(directory, 'vsftpd.conf');
  const lines = Object.entries({
    listen: 'YES',
    listen_address: '127.0.0.1',
    listen_port: String(port),
    background: 'NO',
    run_as_launching_user: 'YES',
    anonymous_enable: 'YES',
    anon_root: root,
    anon_world_readable_only: 'NO',
    secure_chroot_dir: empty,
    ftp_username: 'nobody',
    nopriv_user: 'nobody',
    seccomp_sandbox: 'NO',
    use_localtime: 'NO',
    deny_file: '{forbidden}',
    ...(tls === 'none' ? {} : secure),
    ...settings,
  });
  await writeFile(config, lines.map(([name, value]) => `${name}=${value}\n`).join(''));
  await run(t, 'vsftpd', [config], port);
  return { host: `127.0.0.1:${port}`, port, root, ca: certificate };
}

const PYFTPDLIB = `
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer
port, root, user, password, banned = sys.argv[1:]
authorizer = DummyAuthorizer()
if user: authorizer.add_user(user, password, root)
else: authorizer.add_anonymous(root)
class Handler(FTPHandler): pass
Handler.authorizer = authorizer
Handler.timeout = 60
Handler.proto_cmds = {name: how for name, how in FTPHandler.proto_cmds.items() if name not in banned.split(',')}
ThreadedFTPServer(('127.0.0.1', int(port)), Handler).serve_forever()
`;

export interface PyftpdlibOptions {
  /** Undefined: anonymous. */
  readonly user?: string;
  readonly password?: string;
  /** Commands that it does not know. */
  readonly lacks?: readonly string[];
}

export async function startPyftpdlib(
  t: Teardowns,
  { user = '', password = '', lacks = [] }: PyftpdlibOptions = {},
): Promise<FtpServerProcess> {
  const [, root] = await directories(t);
  const port = await freePort();
  // The system's: a virtual environment has no package of Debian.
  await run(t, '/usr/bin/python3', ['-c', PYFTPDLIB, String(port), root, user, password, lacks.join()], port);
  return { host: `127.0.0.1:${port}`, port, root, ca: '' };
}

let puts = 0;

/** Old enough to be of a version, and each newer than the one before. */
export async function putFile(root: string, name: string, content: Uint8Array): Promise<void> {
  const path = join(root, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  puts += 1;
  const seconds = Math.floor(Date.now() / 1000) - 36_000 + puts;
  await utimes(path, seconds, seconds);
}

async function directories(t: Teardowns): Promise<[string, string, string]> {
  const directory = await temporaryDirectory(t);
  const [root, empty] = [join(directory, 'root'), join(directory, 'empty')];
  await mkdir(root);
  await mkdir(empty);
  return [directory, root, empty];
}

async function run(t: Teardowns, program: string, args: readonly string[], port: number): Promise<void> {
  const path = `${process.env['PATH']}:/usr/sbin`;
  const child = spawn(program, args, {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, PATH: path },
  });
  t.teardown(() => ended(child));
  await Promise.race([
    untilConnects(port),
    once(child, 'exit').then(() => Promise.reject(new Error(`${program} has ended`))),
  ]);
}

/** With the processes of its connections. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await exit;
}

/** A copy of a tree, of an hour ago. */
export async function ftpFiles(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  const seconds = Math.floor(Date.now() / 1000) - 3_600;
  for (const name of await readdir(to, { recursive: true })) await utimes(join(to, name), seconds, seconds);
}
