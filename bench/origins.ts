/** Servers on loopback that the files come from. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { freePort, untilConnects } from '../test/support/port.js';
import { printedPorts, run, start } from './programs.js';
import { type Sshd, type SshPlace, startSshd } from './sshd.js';

const BUCKET = 'bucket';
const DAV_MODULE = '/usr/lib/nginx/modules/ngx_http_dav_ext_module.so';
/** There and back. */
const DISTANT_MS = 50;
const VSFTPD = '/usr/sbin/vsftpd';
const SERVER = fileURLToPath(new URL('server.js', import.meta.url));

export interface Origin {
  readonly scheme: 'http' | 'https' | 's3' | 'webdav' | 'ftp' | 'sftp';
  readonly host: string;
  /** Its files are objects of this bucket. */
  readonly bucket?: string;
  /** Of the authority that vouches for it. */
  readonly certificate?: string;
  /** What a path is put behind for a client without a mount. */
  readonly url: string;
  /** As a remote of rclone. */
  readonly rclone: string;
  /** What d7y-mount needs in a rule of its configuration. */
  readonly rule?: Readonly<Record<string, unknown>>;
  /** For ssh(1). */
  readonly sshConfig?: string;
}

/**
 * nginx over http, over https, as a bucket, and as a server of WebDAV where it has the module; vsftpd and sshd, where they
 * are installed; a slow server, and a distant sshd; a bucket of generated names.
 */
export type OriginName =
  | 'http'
  | 'https'
  | 's3'
  | 'webdav'
  | 'ftp'
  | 'sftp'
  | 'distant-sftp'
  | 'slow'
  | 'generated-s3';

/** Starts them all. The log has a line for each answer of nginx, with the length of its body. */
export async function startOrigins(directory: string, root: string, objects: number) {
  const prefix = join(directory, 'nginx');
  const [config, key] = [join(prefix, 'nginx.conf'), join(prefix, 'key.pem')];
  const certificate = join(prefix, 'certificate.pem');
  await mkdir(join(prefix, 'tmp'), { recursive: true });
  const request =
    '-x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 -subj /CN=bench'.split(' ');
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
  await run('openssl', ['req', ...request, ...names, '-keyout', key, '-out', certificate]);
  const [http, https] = [await freePort(), await freePort()];
  const server = start(process.execPath, [SERVER, root, String(http), String(objects)]);
  const [generated = NaN, slow = NaN] = await printedPorts(server);
  await writeFile(config, configuration(prefix, root, http, https, generated));
  start('/usr/sbin/nginx', ['-p', prefix, '-c', config]);
  await untilConnects(https);
  const sshd = await startSshd(directory, DISTANT_MS);
  const origins: Record<OriginName, Origin> = {
    http: webOrigin('http', http),
    https: { ...webOrigin('https', https), certificate },
    s3: bucketOrigin(http),
    webdav: webOrigin('webdav', http),
    ftp: ftpOrigin(await startVsftpd(directory), root),
    sftp: sftpOrigin(sshd, sshd.near, root),
    'distant-sftp': sftpOrigin(sshd, sshd.distant, root),
    slow: webOrigin('http', slow),
    'generated-s3': bucketOrigin(generated),
  };
  return { origins, accessLog: join(prefix, 'access.log') };
}

function webOrigin(scheme: 'http' | 'https' | 'webdav', port: number): Origin {
  const host = `127.0.0.1:${port}`;
  const url = `${scheme === 'https' ? 'https' : 'http'}://${host}/`;
  return { scheme, host, url, rclone: `:${scheme === 'webdav' ? 'webdav' : 'http'},url='${url}':` };
}

/** No signature is checked. */
function bucketOrigin(port: number): Origin {
  const host = `127.0.0.1:${port}`;
  const [accessKeyId, accessKeySecret, endpoint] = ['bench', 'secret of the bench', `http://${host}`];
  const keys = `access_key_id=${accessKeyId},secret_access_key='${accessKeySecret}'`;
  return {
    scheme: 's3',
    host,
    bucket: BUCKET,
    url: `${endpoint}/${BUCKET}/`,
    rclone: `:s3,provider=Other,${keys},endpoint='${endpoint}',list_version=2:${BUCKET}`,
    rule: { endpoint, credentials: { accessKeyId, accessKeySecret } },
  };
}

function ftpOrigin(port: number, root: string): Origin {
  // A password is given obscured: `rclone obscure anonymous@`.
  const login = 'user=anonymous,pass=b7Lem3xtPb2N5ESG-6V2AIH27s-rgAO5MY8';
  return {
    scheme: 'ftp',
    host: `127.0.0.1:${port}`,
    url: `ftp://127.0.0.1:${port}${root}/`,
    rclone: `:ftp,host=127.0.0.1,port=${port},${login}:${root}`,
  };
}

function sftpOrigin(
  { user, keyFile, knownHostsFile }: Sshd,
  { port, clientConfig }: SshPlace,
  root: string,
): Origin {
  const login = `user=${user},key_file=${keyFile},known_hosts_file=${knownHostsFile}`;
  return {
    scheme: 'sftp',
    host: `127.0.0.1:${port}`,
    url: `sftp://127.0.0.1:${port}${root}/`,
    rclone: `:sftp,host=127.0.0.1,port=${port},${login},shell_type=none:${root}`,
    rule: { credentials: { user, keyFile }, knownHostsFile },
    sshConfig: clientConfig,
  };
}

/** Anonymous users have all files of this one. */
async function startVsftpd(directory: string): Promise<number> {
  const [config, empty, port] = [join(directory, 'vsftpd.conf'), join(directory, 'empty'), await freePort()];
  const settings = `
    listen=YES listen_address=127.0.0.1 listen_port=${port} background=NO run_as_launching_user=YES seccomp_sandbox=NO
    anonymous_enable=YES anon_root=/ anon_world_readable_only=NO ftp_username=nobody secure_chroot_dir=${empty}`;
  await mkdir(empty);
  await writeFile(config, settings.trim().split(/\s+/).join('\n'));
  start(VSFTPD, [config]);
  if (existsSync(VSFTPD)) await untilConnects(port);
  return port;
}

/** Another process lists the bucket. */
function configuration(prefix: string, root: string, http: number, https: number, lister: number): string {
  const list = `proxy_pass http://127.0.0.1:${lister}; proxy_http_version 1.1; proxy_set_header Connection "";`;
  const hasDav = existsSync(DAV_MODULE);
  return `
    ${hasDav ? `load_module ${DAV_MODULE};` : ''}
    daemon off; worker_processes 1; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 1024; }
    http {
      client_body_temp_path ${prefix}/tmp; proxy_temp_path ${prefix}/tmp; fastcgi_temp_path ${prefix}/tmp;
      uwsgi_temp_path ${prefix}/tmp; scgi_temp_path ${prefix}/tmp;
      log_format bytes '$body_bytes_sent'; access_log ${prefix}/access.log bytes;
      sendfile on; keepalive_requests 1000000; proxy_buffers 64 16k;
      ssl_certificate ${prefix}/certificate.pem; ssl_certificate_key ${prefix}/key.pem;
      server {
        listen 127.0.0.1:${http}; listen 127.0.0.1:${https} ssl; root ${root}; autoindex on;
        ${hasDav ? 'dav_ext_methods PROPFIND OPTIONS;' : ''}
        # Any names: m<number> is missing, d<number> a directory, all else a file.
        location ~ ^/names/.*m[0-9]+$ { return 404; }
        location ~ ^/names/.*d[0-9]+$ { return 301 $uri/; }
        location ~ ^/names/.*/$ { rewrite ^ /start/ break; }
        location /names/ { rewrite ^ /start/0.bin break; }
        location ~ ^/${BUCKET}/?$ { ${list} }
        location /${BUCKET}/ { alias ${root}/; }
      }
    }`;
}
