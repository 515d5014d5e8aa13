/** Servers of WebDAV that others wrote, for `npm run test:servers`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { startServerProcess } from './server-process.js';
import { PASSWORD } from './webdav.js';

/** Serves `root` to `ada`; returns the origin. */
export type StartStrongWebdav = (t: ExecutionContext, program: string, root: string) => Promise<string>;

/** So long it remembers what a directory has; without that, it would list a directory for each of its entries. */
export const RCLONE_CACHE_MS = 100;

export const startRcloneWebdav: StartStrongWebdav = async (t, program, root) => {
  const port = await freePort();
  const user = ['--user', 'ada', '--pass', PASSWORD];
  const fresh = ['--dir-cache-time', `${RCLONE_CACHE_MS}ms`, '--poll-interval', '0s'];
  const address = ['--addr', `127.0.0.1:${port}`, '--read-only'];
  const cache = ['--cache-dir', await temporaryDirectory(t)];
  const command = [program, '--config=', 'serve', 'webdav', ...address, ...user, ...fresh, ...cache, root];
  await startServerProcess(t, port, command);
  return `http://127.0.0.1:${port}`;
};

/** `scheme`: by which passwords are asked for. */
export const startWsgidav =
  (scheme: 'basic' | 'digest'): StartStrongWebdav =>
  async (t, program, root) => {
    const [port, directory] = [await freePort(), await temporaryDirectory(t)];
    const config = join(directory, 'wsgidav.json');
    await mkdir(join(directory, 'home'));
    const settings = {
      host: '127.0.0.1',
      port,
      server: 'cheroot',
      verbose: 0,
      logging: { enable: false },
      provider_mapping: { '/': { root, readonly: true } },
      simple_dc: { user_mapping: { '*': { ada: { password: PASSWORD } } } },
      http_authenticator: {
        accept_basic: scheme === 'basic',
        accept_digest: scheme === 'digest',
        default_to_digest: scheme === 'digest',
      },
    };
    await writeFile(config, JSON.stringify(settings));
    await startServerProcess(t, port, [program, '--config', config], { HOME: join(directory, 'home') });
    return `http://127.0.0.1:${port}`;
  };
