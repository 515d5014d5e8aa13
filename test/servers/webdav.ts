/** Real servers of WebDAV, over a directory of the test. */
import { createHash } from 'node:crypto';
import { mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { startApacheDav } from '../support/apache.js';
import { startNginx } from '../support/nginx.js';
import { freePort } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { startServerProcess } from './server-process.js';

export interface WebdavHost {
  readonly origin: string;
  readonly root: string;
  /** Makes a file of a new version, as a whole. Its time is before now, so that it is a strong validator. */
  put(name: string, content: Uint8Array | string): Promise<void>;
  /** Where passwords are checked: from now on `ada` has this one. */
  setPassword(password: string): Promise<void>;
}

/** Starts a server of a directory, and returns its origin. `users`: a file of `htpasswd`. */
type StartServer = (t: ExecutionContext, root: string, users: string) => Promise<string>;

/** What they may not read is `test/forbidden`. */
export const WEBDAV_SERVERS = {
  'Apache mod_dav': async (t, root, users) =>
    `http://${await startApacheDav(t, root, { users, directives: ['<Location /test/forbidden>', 'Require all denied', '</Location>'] })}`,
  'nginx dav-ext': async (t, root, users) => {
    const { origin } = await startNginx(t, {
      root,
      modules: ['ngx_http_dav_ext_module'],
      serverDirectives: `
        dav_ext_methods PROPFIND OPTIONS; auth_basic dav; auth_basic_user_file ${users};
        location = /test/forbidden { deny all; }`,
    });
    return origin;
  },
  lighttpd: async (t, root, users) => {
    const [port, directory] = [await freePort(), await temporaryDirectory(t)];
    const config = join(directory, 'lighttpd.conf');
    await writeFile(
      config,
      `server.modules = ("mod_access", "mod_auth", "mod_authn_file", "mod_webdav")
       server.bind = "127.0.0.1"
       server.port = ${port}
       server.document-root = "${root}"
       mimetype.assign = ("" => "application/octet-stream")
       server.stat-cache-engine = "disable"
       webdav.activate = "enable"
       webdav.is-readonly = "enable"
       auth.backend = "htpasswd"
       auth.backend.htpasswd.userfile = "${users}"
       auth.require = ("/" => ("method" => "basic", "realm" => "dav", "require" => "valid-user"))
       $HTTP["url"] == "/test/forbidden" { url.access-deny = ("") }
      `,
    );
    await startServerProcess(t, port, ['/usr/sbin/lighttpd', '-D', '-f', config]);
    return `http://127.0.0.1:${port}`;
  },
} satisfies Record<string, StartServer>;

export type WebdavServerName = keyof typeof WEBDAV_SERVERS;

export const PASSWORD = 'first password';

export async function startWebdav(t: ExecutionContext, name: WebdavServerName): Promise<WebdavHost> {
  return await startWebdavServer(t, WEBDAV_SERVERS[name]);
}

export async function startWebdavServer(t: ExecutionContext, start: StartServer): Promise<WebdavHost> {
  const directory = await temporaryDirectory(t);
  const [root, users] = [join(directory, 'root'), join(directory, 'users')];
  await mkdir(join(root, 'test'), { recursive: true });
  const setPassword = async (password: string): Promise<void> => {
    const sha = createHash('sha1').update(password).digest('base64');
    await writeFile(`${users}.new`, `ada:{SHA}${sha}\n`);
    await rename(`${users}.new`, users);
  };
  await setPassword(PASSWORD);
  let seconds = Math.floor(Date.now() / 1000) - 3_600;
  let files = 0;
  return {
    origin: await start(t, root, users),
    root,
    setPassword,
    put: async (name, content) => {
      const path = join(root, name);
      await mkdir(dirname(path), { recursive: true });
      const made = join(directory, `made-${(files += 1)}`);
      await writeFile(made, content);
      seconds += 1;
      await utimes(made, seconds, seconds);
      await rename(made, path);
    },
  };
}
