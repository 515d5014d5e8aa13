import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecutionContext } from 'ava';

import { freePort, untilConnects } from './port.js';
import { temporaryDirectory } from './temp.js';

export interface AccessLogEntry {
  readonly uri: string;
  readonly status: number;
  readonly range: string;
  readonly bytesSent: number;
}

export interface Nginx {
  readonly origin: string;
  readonly host: string;
  accessLog(): Promise<AccessLogEntry[]>;
  /** Kills it, workers and all. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

export interface NginxOptions {
  readonly root: string;
  /** Paths of a certificate and its key: serve https. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly serverDirectives?: string;
  /** Dynamic modules, by their files' names. */
  readonly modules?: readonly string[];
}

/** A real nginx on a free port of loopback, with an index of `root`; killed when the test ends. */
export async function startNginx(t: ExecutionContext, options: NginxOptions): Promise<Nginx> {
  const prefix = await temporaryDirectory(t);
  await mkdir(join(prefix, 'tmp'));
  const port = await freePort();
  const config = join(prefix, 'nginx.conf');
  await writeFile(config, configuration(prefix, port, options));
  let child: ChildProcess | undefined;

  const nginx: Nginx = {
    host: `127.0.0.1:${port}`,
    origin: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    accessLog: async () => {
      await sleep(50); // The log is written after the last byte is sent.
      const lines = (await readFile(join(prefix, 'access.log'), 'utf8')).trim().split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as AccessLogEntry);
    },
    kill: async () => {
      if (child?.pid === undefined) return;
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      process.kill(-child.pid, 'SIGKILL');
      child = undefined;
      await ended;
    },
    start: async () => {
      child = spawn('nginx', ['-p', prefix, '-c', config], {
        detached: true,
        stdio: 'ignore',
        env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
      });
      await untilConnects(port);
    },
  };
  await nginx.start();
  t.teardown(() => nginx.kill());
  return nginx;
}

function configuration(prefix: string, port: number, options: NginxOptions): string {
  const { root, tls, serverDirectives = '', modules = [] } = options;
  const loaded = modules.map((name) => `load_module /usr/lib/nginx/modules/${name}.so;`).join(' ');
  const certificate =
    tls === undefined ? '' : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`;
  return `
    ${loaded}
    daemon off; worker_processes 1; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events {}
    http {
      client_body_temp_path ${prefix}/tmp; proxy_temp_path ${prefix}/tmp; fastcgi_temp_path ${prefix}/tmp;
      uwsgi_temp_path ${prefix}/tmp; scgi_temp_path ${prefix}/tmp;
      log_format json escape=json
        '{"uri":"$request_uri","status":$status,"range":"$http_range","bytesSent":$body_bytes_sent}';
      access_log ${prefix}/access.log json;
      sendfile on;
      server { listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'}; ${certificate} root ${root}; autoindex on; ${serverDirectives} }
    }`;
}
