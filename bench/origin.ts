import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort, untilConnects } from '../test/support/port.js';
import { endProgram, type Programs } from './programs.js';
import type { Teardown } from './teardown.js';

/** A request is logged after its last byte, or after its connection was closed. */
const LOG_DELAY_MS = 200;

/** Where files come from: a server on loopback. */
export interface Origin {
  readonly host: string;
  /** All files are also the objects of this bucket, as S3 has them. */
  readonly bucket?: string;
}

/** What an origin sent. */
export interface Traffic {
  readonly requests: number;
  /** Of bodies. */
  readonly bytes: number;
}

const BUCKET = 'bucket';
const LISTER = fileURLToPath(new URL('bucket-lister.js', import.meta.url));

/** An nginx in a process of its own that serves `root` with an index. */
export class NginxOrigin implements Origin {
  readonly host: string;
  readonly root: string;
  readonly bucket?: string;
  readonly #accessLog: string;

  private constructor(host: string, root: string, accessLog: string, bucket: string | undefined) {
    this.host = host;
    this.root = root;
    this.#accessLog = accessLog;
    if (bucket !== undefined) this.bucket = bucket;
  }

  static async start(directory: string, programs: Programs, teardown: Teardown): Promise<NginxOrigin> {
    const root = join(directory, 'root');
    await mkdir(root, { recursive: true });
    return await startNginx(join(directory, 'nginx'), root, programs, teardown);
  }

  /** Serves the same files as a bucket: nginx sends them, and a process of ours lists them. No signature is checked. */
  async withBucket(directory: string, programs: Programs, teardown: Teardown): Promise<NginxOrigin> {
    const port = await freePort();
    const lister = programs.start(process.execPath, [LISTER, this.root, BUCKET, String(port)]);
    teardown.add('lister', () => endProgram(lister, 'SIGTERM', 10_000));
    await untilConnects(port);
    return await startNginx(join(directory, 'nginx-bucket'), this.root, programs, teardown, port);
  }

  static of(host: string, root: string, accessLog: string, bucket: string | undefined): NginxOrigin {
    return new NginxOrigin(host, root, accessLog, bucket);
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

async function startNginx(
  prefix: string,
  root: string,
  programs: Programs,
  teardown: Teardown,
  listerPort?: number,
): Promise<NginxOrigin> {
  await mkdir(join(prefix, 'tmp'), { recursive: true });
  const port = await freePort();
  const config = join(prefix, 'nginx.conf');
  const locations = listerPort === undefined ? '' : bucketLocations(root, listerPort);
  await writeFile(config, configuration(prefix, root, port, locations));
  const nginx = programs.start('/usr/sbin/nginx', ['-p', prefix, '-c', config]);
  teardown.add('nginx', () => endProgram(nginx, 'SIGTERM', 10_000));
  await untilConnects(port);
  const bucket = listerPort === undefined ? undefined : BUCKET;
  return NginxOrigin.of(`127.0.0.1:${port}`, root, join(prefix, 'access.log'), bucket);
}

function bucketLocations(root: string, listerPort: number): string {
  const list = `proxy_pass http://127.0.0.1:${listerPort}; proxy_http_version 1.1; proxy_set_header Connection "";`;
  return `
    location = /${BUCKET} { ${list} }
    location = /${BUCKET}/ { ${list} }
    location /${BUCKET}/ { alias ${root}/; }`;
}

function configuration(prefix: string, root: string, port: number, locations: string): string {
  return `
    daemon off; worker_processes 1; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 1024; }
    http {
      client_body_temp_path ${prefix}/tmp; proxy_temp_path ${prefix}/tmp; fastcgi_temp_path ${prefix}/tmp;
      uwsgi_temp_path ${prefix}/tmp; scgi_temp_path ${prefix}/tmp;
      log_format bytes '$body_bytes_sent'; access_log ${prefix}/access.log bytes;
      sendfile on; keepalive_requests 1000000;
      server { listen 127.0.0.1:${port}; root ${root}; autoindex on; ${locations} }
    }`;
}
