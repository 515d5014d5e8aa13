import { spawn } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { untilConnects } from '../support/port.js';

/** What the server answers for a directory: a listing, 404, or 403. Files are served in all of them. */
export type ServerKind = 'listed' | 'unlisted' | 'forbidden';
/** `known`: a listed directory that was listed, two levels deep, before the command; `bucket`: of a hierarchical source. */
export type DirectoryKind = ServerKind | 'known' | 'bucket';

export interface SweepServer {
  /** Without a port: a colon ends a path in PATH, in make and in Java. */
  readonly host: string;
  stop(): Promise<void>;
}

/** A real nginx that shows the tree under as many names as are requested: `<kind>-<number>`. Takes root. */
export async function startSweepServer(
  prefix: string,
  tree: string,
  directories: readonly string[],
): Promise<SweepServer> {
  const root = join(prefix, 'root');
  await mkdir(root, { recursive: true });
  await mkdir(join(prefix, 'tmp'));
  for (const directory of directories) await symlink(tree, join(root, directory));
  // All of 127.0.0.0/8 is this machine: one address for each sweep.
  const host = `127.81.${(process.pid >> 8) & 255}.${process.pid & 255}`;
  const config = join(prefix, 'nginx.conf');
  await writeFile(config, configuration(prefix, root, host));
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
  const child = spawn('nginx', ['-p', prefix, '-c', config], { stdio: 'inherit', env });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await untilConnects(80, host);
  return {
    host,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function configuration(prefix: string, root: string, host: string): string {
  return `
    daemon off; master_process off; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log;
    events {}
    http {
      client_body_temp_path ${prefix}/tmp; proxy_temp_path ${prefix}/tmp; fastcgi_temp_path ${prefix}/tmp;
      uwsgi_temp_path ${prefix}/tmp; scgi_temp_path ${prefix}/tmp; access_log ${prefix}/access.log;
      default_type application/octet-stream; types { text/html html; }
      server {
        listen ${host}:80; root ${root};
        location ~ ^/listed- { autoindex on; }
        location ~ ^/unlisted- { if (-d $request_filename) { return 404; } }
        location / { }
      }
    }`;
}
