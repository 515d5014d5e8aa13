import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort, untilConnects } from '../test/support/port.js';
import { endProgram, type Programs } from './programs.js';
import type { Teardown } from './teardown.js';

/** A request is logged after its last byte, or after its connection was closed. */
const LOG_DELAY_MS = 200;

/** Where files come from: a server on loopback. */
export interface Origin {
  readonly host: string;
}

/** What an origin sent. */
export interface Traffic {
  readonly requests: number;
  /** Of bodies. */
  readonly bytes: number;
}

/** An nginx in a process of its own that serves `root` with an index. */
export class NginxOrigin implements Origin {
  readonly host: string;
  readonly root: string;
  readonly #accessLog: string;

  private constructor(host: string, root: string, accessLog: string) {
    this.host = host;
    this.root = root;
    this.#accessLog = accessLog;
  }

  static async start(directory: string, programs: Programs, teardown: Teardown): Promise<NginxOrigin> {
    const [prefix, root] = [join(directory, 'nginx'), join(directory, 'root')];
    await mkdir(join(prefix, 'tmp'), { recursive: true });
    await mkdir(root, { recursive: true });
    const port = await freePort();
    const config = join(prefix, 'nginx.conf');
    await writeFile(config, configuration(prefix, root, port));
    const nginx = programs.start('/usr/sbin/nginx', ['-p', prefix, '-c', config]);
    teardown.add('nginx', () => endProgram(nginx, 'SIGTERM', 10_000));
    await untilConnects(port);
    return new NginxOrigin(`127.0.0.1:${port}`, root, join(prefix, 'access.log'));
  }

  /** Resolves to what was sent from now on until the function that it returns is called. */
  async count(): Promise<() => Promise<Traffic>> {
    const before = await this.#sent();
    return async () => {
      const after = await this.#sent();
      return { requests: after.requests - before.requests, bytes: after.bytes - before.bytes };
    };
  }

  async #sent(): Promise<Traffic> {
    await sleep(LOG_DELAY_MS);
    let [requests, bytes] = [0, 0];
    const log = await open(this.#accessLog);
    for await (const line of log.readLines()) {
      requests += 1;
      bytes += Number(line);
    }
    return { requests, bytes };
  }
}

function configuration(prefix: string, root: string, port: number): string {
  return `
    daemon off; worker_processes 1; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 1024; }
    http {
      client_body_temp_path ${prefix}/tmp; proxy_temp_path ${prefix}/tmp; fastcgi_temp_path ${prefix}/tmp;
      uwsgi_temp_path ${prefix}/tmp; scgi_temp_path ${prefix}/tmp;
      log_format bytes '$body_bytes_sent'; access_log ${prefix}/access.log bytes;
      sendfile on; keepalive_requests 1000000;
      server { listen 127.0.0.1:${port}; root ${root}; autoindex on; }
    }`;
}
