import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { ExecutionContext } from 'ava';

import { startFaultFront } from '../support/fault-front.js';
import { freePort, untilConnects } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { type AccessEntry, listenOnLoopback } from './listen.js';
import { startTokenIssuer } from './registry-tokens.js';
import { sendBytes } from './send-range.js';

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, string>>;
}

export interface DockerRegistry {
  readonly host: string;
  readonly origin: string;
  readonly user: string;
  readonly password: string;
  /** The requests for tokens; none without token authentication. */
  readonly tokenLog: AccessEntry[];
  /** Users in Docker's configuration file: `auths` of this registry. */
  readonly dockerConfig: string;
  /** How long new tokens are valid. */
  tokenLifeS: number;
  accessLog(): Promise<AccessEntry[]>;
  pushBlob(repository: string, bytes: Uint8Array): Promise<{ digest: string; size: number }>;
  /** Puts a manifest or an index at a tag or digest, and returns its descriptor. */
  pushManifest(
    repository: string,
    reference: string,
    manifest: object,
    mediaType?: string,
  ): Promise<Descriptor>;
  /** Pushes files as `oras push` does: a layer for each, under its title. */
  pushFiles(
    repository: string,
    tag: string,
    files: Readonly<Record<string, Uint8Array>>,
    annotations?: Readonly<Record<string, string>>,
  ): Promise<Descriptor>;
}

export interface RegistryOptions {
  readonly auth?: 'none' | 'htpasswd' | 'token';
  /** With tokens: users without credentials may pull. */
  readonly isPublic?: boolean;
  /** Blobs are redirected to another origin, which refuses a request with `Authorization`. */
  readonly redirectsBlobs?: boolean;
}

const MANY = 100;
const [USER, PASSWORD] = ['ada', 'pass:word/1'] as const;

/** Debian's docker-registry (distribution 2.8) with an empty store; killed when the test ends. */
export async function startDockerRegistry(
  t: ExecutionContext,
  { auth = 'none', isPublic = false, redirectsBlobs = false }: RegistryOptions = {},
): Promise<DockerRegistry> {
  const directory = await temporaryDirectory(t);
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const blobs = new Map<string, Uint8Array>();
  const pushed = new Set<string>();
  const host = redirectsBlobs ? await startRedirects(t, address, blobs) : address;
  const issuer =
    auth === 'token' ? await startTokenIssuer(t, { user: USER, password: PASSWORD, isPublic }) : undefined;
  const config = join(directory, 'registry.yml');
  const users = join(directory, 'htpasswd');
  if (auth === 'htpasswd') {
    const { stdout } = await promisify(execFile)('htpasswd', ['-Bbn', USER, PASSWORD]);
    await writeFile(users, stdout);
  }
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'warn', formatter: 'json', accesslog: { disabled: false } },
      storage: { filesystem: { rootdirectory: join(directory, 'store') }, redirect: { disable: true } },
      http: { addr: address },
      ...(auth === 'htpasswd' ? { auth: { htpasswd: { realm: 'test', path: users } } } : {}),
      ...(issuer === undefined ? {} : { auth: { token: issuer.settings } }),
    }),
  );
  const output: string[] = [];
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  }
  t.teardown(() => kill(child));
  await untilConnects(port);

  const origin = `http://${host}`;
  const push = async (scope: string, path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    const basic = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
    if (auth !== 'none') {
      headers.set('authorization', issuer === undefined ? basic : `Bearer ${issuer.token(scope, 60)}`);
    }
    const response = await fetch(new URL(path, origin), { ...init, headers });
    if (!response.ok) throw new Error(`${init.method} ${path}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
    return response;
  };
  /** Into its store, as an upload would: that of thousands takes a minute. */
  const storeBlob = async (
    repository: string,
    bytes: Uint8Array,
  ): Promise<{ digest: string; size: number }> => {
    const digest = digestOf(bytes);
    const hex = digest.slice('sha256:'.length);
    const root = join(directory, 'store/docker/registry/v2');
    const blob = join(root, 'blobs/sha256', hex.slice(0, 2), hex);
    const link = join(root, 'repositories', repository, '_layers/sha256', hex);
    await Promise.all([mkdir(blob, { recursive: true }), mkdir(link, { recursive: true })]);
    await Promise.all([writeFile(join(blob, 'data'), bytes), writeFile(join(link, 'link'), digest)]);
    return { digest, size: bytes.byteLength };
  };
  const registry: DockerRegistry = {
    host,
    origin,
    user: USER,
    password: PASSWORD,
    tokenLog: issuer?.log ?? [],
    dockerConfig: JSON.stringify({
      auths: { [host]: { auth: Buffer.from(`${USER}:${PASSWORD}`).toString('base64') } },
    }),
    get tokenLifeS() {
      return issuer?.lifeS ?? 0;
    },
    set tokenLifeS(seconds) {
      if (issuer !== undefined) issuer.lifeS = seconds;
    },
    accessLog: () => Promise.resolve(accessEntries(output.join(''))),
    pushBlob: async (repository, bytes) => {
      const digest = digestOf(bytes);
      if (pushed.has(repository + digest)) return { digest, size: bytes.byteLength };
      blobs.set(digest, bytes);
      const scope = `repository:${repository}:pull,push`;
      const begun = await push(scope, `/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      const location = new URL(begun.headers.get('location') ?? '', origin);
      location.searchParams.set('digest', digest);
      await push(scope, location.href, {
        method: 'PUT',
        body: Buffer.from(bytes),
        headers: { 'content-type': 'application/octet-stream' },
      });
      pushed.add(repository + digest);
      return { digest, size: bytes.byteLength };
    },
    pushManifest: async (repository, reference, manifest, mediaType = MANIFEST) => {
      const body = JSON.stringify({ schemaVersion: 2, mediaType, ...manifest });
      await push(`repository:${repository}:pull,push`, `/v2/${repository}/manifests/${reference}`, {
        method: 'PUT',
        body,
        headers: { 'content-type': mediaType },
      });
      return { mediaType, digest: digestOf(Buffer.from(body)), size: Buffer.byteLength(body) };
    },
    pushFiles: async (repository, tag, files, annotations = {}) => {
      const layers: Descriptor[] = [];
      const isMany = Object.keys(files).length > MANY;
      for (const [title, bytes] of Object.entries(files)) {
        layers.push({
          mediaType: 'application/octet-stream',
          ...(await (isMany ? storeBlob(repository, bytes) : registry.pushBlob(repository, bytes))),
          annotations: { 'org.opencontainers.image.title': title },
        });
      }
      const config = {
        mediaType: 'application/vnd.oci.empty.v1+json',
        ...(await registry.pushBlob(repository, Buffer.from('{}'))),
      };
      return await registry.pushManifest(repository, tag, { config, layers, annotations });
    },
  };
  return registry;
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.kill('SIGKILL')) await ended;
}

/** Of the log's lines in the format of Apache. */
function accessEntries(output: string): AccessEntry[] {
  return [...output.matchAll(/"(?<method>[A-Z]+) (?<uri>\S+) HTTP\/1.1" (?<status>\d+)/g)].map(
    ({ groups }) => ({
      method: groups?.['method'] ?? '',
      uri: groups?.['uri'] ?? '',
      status: Number(groups?.['status']),
      range: '',
    }),
  );
}

/** Stands before the registry, and returns its host: as registries that keep their blobs in an object store. */
async function startRedirects(
  t: ExecutionContext,
  registry: string,
  blobs: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  const storage = createServer((request, response) => {
    const { authorization, range } = request.headers;
    const blob = blobs.get((request.url ?? '').slice(1).split('?')[0] ?? '');
    if (authorization !== undefined) response.writeHead(400).end('two ways of authorization');
    else if (blob === undefined) response.writeHead(404).end();
    else sendBytes(response, range, Buffer.from(blob));
  });
  // Another name too: to Go, and so to oras, another port is the same host, which gets what the first one got.
  const origin = (await listenOnLoopback(t, storage, [])).origin.replace('127.0.0.1', 'localhost');
  const front = await startFaultFront(t, `http://${registry}`);
  front.add({
    meets: ({ method, url = '' }) => method === 'GET' && /\/blobs\/sha256:/.test(url),
    rewrite: (answer) => {
      const digest = String(answer.header['docker-content-digest']);
      const location = `${origin}/${digest}?X-Signature=1`;
      return answer.status < 300 ? { status: 307, header: { location } } : answer;
    },
  });
  return front.host;
}
