import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort, untilConnects } from './port.js';
import { temporaryDirectory } from './temp.js';

/** A real Apache on a free port of loopback, with Debian's index settings; killed when the test ends. */
export async function startApache(t: ExecutionContext, root: string, indexOptions: string): Promise<string> {
  const { host } = await start(t, ['autoindex', 'dir', 'mime'], () => [
    'TypesConfig /dev/null',
    `DocumentRoot ${root}`,
    `<Directory ${root}>`,
    'Options Indexes',
    `IndexOptions ${indexOptions}`,
    'Require all granted',
    '</Directory>',
  ]);
  return host;
}

/** A real Apache that serves `root` by mod_dav; `users` is a file of `htpasswd`. */
export async function startApacheDav(
  t: ExecutionContext,
  root: string,
  { users, directives = [] }: { readonly users?: string; readonly directives?: readonly string[] } = {},
): Promise<string> {
  const modules = ['dir', 'dav', 'dav_fs'];
  const authentication = ['authn_core', 'authn_file', 'authz_user', 'auth_basic'];
  const { host } = await start(
    t,
    users === undefined ? modules : [...modules, ...authentication],
    (prefix) => [
      `DavLockDB ${prefix}/locks`,
      `DocumentRoot ${root}`,
      `<Directory ${root}>`,
      'Dav On',
      'Options FollowSymLinks',
      ...(users === undefined
        ? ['Require all granted']
        : ['AuthType Basic', 'AuthName dav', `AuthUserFile ${users}`, 'Require valid-user']),
      '</Directory>',
      ...directives,
    ],
  );
  return host;
}

/** A real Apache whose files are for `user` with the password `password`, by Digest. */
export async function startApacheDigest(
  t: ExecutionContext,
  root: string,
): Promise<{ readonly host: string; log(): Promise<string[]> }> {
  const modules = ['authn_core', 'authn_file', 'authz_user', 'auth_digest', 'mime'];
  let log = '';
  const { host, prefix } = await start(t, modules, (directory) => {
    log = join(directory, 'access.log');
    return [
      'TypesConfig /dev/null',
      `CustomLog ${log} "%>s %U"`,
      `DocumentRoot ${root}`,
      `<Directory ${root}>`,
      'AuthType Digest',
      'AuthName "the realm"',
      `AuthUserFile ${directory}/users`,
      'Require valid-user',
      '</Directory>',
    ];
  });
  const hash = createHash('md5').update('user:the realm:password').digest('hex');
  await writeFile(join(prefix, 'users'), `user:the realm:${hash}\n`);
  return { host, log: () => linesOf(log) };
}

export interface ApacheProxy {
  readonly url: URL;
  /** The request lines so far, each with its status. */
  log(): Promise<string[]>;
}

/** A real Apache that is a forward proxy; it tunnels to `connectPort`, and `password` is that of `user`. */
export async function startApacheProxy(
  t: ExecutionContext,
  { connectPort = 443, password }: { readonly connectPort?: number; readonly password?: string } = {},
): Promise<ApacheProxy> {
  const modules = ['proxy', 'proxy_http', 'proxy_connect'];
  const authentication = ['authn_core', 'authn_file', 'authz_user', 'auth_basic'];
  let log = '';
  const { host, prefix } = await start(
    t,
    password === undefined ? modules : [...modules, ...authentication],
    (directory) => {
      log = join(directory, 'access.log');
      const access = [
        'AuthType Basic',
        'AuthName proxy',
        `AuthUserFile ${directory}/users`,
        'Require valid-user',
      ];
      return [
        'ProxyRequests On',
        `AllowCONNECT ${connectPort}`,
        `CustomLog ${log} "%r %>s"`,
        '<Proxy *>',
        ...(password === undefined ? ['Require all granted'] : access),
        '</Proxy>',
      ];
    },
  );
  const sha = createHash('sha1')
    .update(password ?? '')
    .digest('base64');
  await writeFile(join(prefix, 'users'), `user:{SHA}${sha}\n`);
  return {
    url: new URL(`http://${host}`),
    log: () => linesOf(log),
  };
}

async function linesOf(log: string): Promise<string[]> {
  return (await readFile(log, 'utf8')).split('\n').filter((line) => line !== '');
}

async function start(
  t: ExecutionContext,
  modules: readonly string[],
  directivesIn: (prefix: string) => readonly string[],
): Promise<{ host: string; prefix: string }> {
  const prefix = await temporaryDirectory(t);
  const port = await freePort();
  const config = join(prefix, 'apache.conf');
  const loaded = ['mpm_event', 'authz_core', ...modules];
  const directives = [
    `ServerRoot ${prefix}`,
    'ServerName 127.0.0.1',
    `Listen 127.0.0.1:${port}`,
    `PidFile ${prefix}/pid`,
    `Mutex file:${prefix}`,
    `ErrorLog ${prefix}/error.log`,
    ...loaded.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    ...directivesIn(prefix),
  ];
  await writeFile(config, `${directives.join('\n')}\n`);
  const child = spawn('/usr/sbin/apache2', ['-f', config, '-D', 'FOREGROUND'], {
    detached: true,
    stdio: 'ignore',
  });
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await ended;
  });
  await untilConnects(port);
  return { host: `127.0.0.1:${port}`, prefix };
}
