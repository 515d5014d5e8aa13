/** A node of a cluster: cache and sources in this process, behind a fake dfdaemon. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import type { CacheOptions } from '../../src/cache/cache-options.js';
import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { createHttpSource } from '../../src/source/http/http-client.js';
import type { HttpEngine, HttpProfile } from '../../src/source/http/http-engine.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { CompleteClient } from '../../src/source/index.js';
import { PeerDownloads, type PeerDownloadsOptions } from '../../src/source/p2p/peer-downloads.js';
import type { P2pMode } from '../../src/source/p2p/p2p-settings.js';
import { RequestActivity } from '../../src/source/request-activity.js';
import type { ResourceClient } from '../../src/source/resource-client.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { type FakeDfdaemon, startFakeDfdaemon, Swarm } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { type Nginx, type NginxOptions, startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

export const MIB = 2 ** 20;
export const FILE_BYTES = 24 * MIB + 12_345;

export interface NodeOptions extends Partial<PeerDownloadsOptions> {
  readonly mode?: P2pMode;
  readonly swarm?: Swarm;
  /** Of the dfdaemon: how far it fetches ahead of a client. */
  readonly aheadPieces?: number;
  readonly profile?: HttpProfile;
  /** Of the origin, in PEM. */
  readonly ca?: string;
  readonly cache?: Partial<CacheOptions>;
  readonly disk?: DiskCache;
  /** Default: http. */
  readonly clientOf?: (engine: HttpEngine, peers: PeerDownloads) => ResourceClient;
}

export interface ClusterNode {
  readonly dfdaemon: FakeDfdaemon;
  readonly cache: CachedResources;
  readonly client: CompleteClient;
  readonly peers: PeerDownloads;
  /** Bytes of bodies. */
  readonly receivedBytes: (route: 'direct' | 'p2p') => number;
}

export async function startNode(t: ExecutionContext, options: NodeOptions = {}): Promise<ClusterNode> {
  const { mode = 'stream', swarm = new Swarm(), aheadPieces = 29, profile = {}, clientOf } = options;
  const { cache: cacheOptions = {}, ca, disk, ...rest } = options;
  const dfdaemon = await startFakeDfdaemon(t, { swarm, aheadPieces });
  const log = pino({ level: 'silent' });
  const peers = new PeerDownloads({
    settings: () => ({ proxy: new URL(dfdaemon.origin), mode }),
    ruleFor: () => ({ p2p: true }),
    log,
    ...rest,
  });
  const activity = new RequestActivity();
  const engine = createHttpEngine({ activity, ca });
  t.teardown(() => engine.close());
  const client = validatingClient(
    clientOf?.(engine, peers) ?? createHttpSource(engine, () => profile, peers),
  );
  const cache = new CachedResources(cacheOptions, {
    clientFor: () => Promise.resolve(client),
    peers,
    ...(disk === undefined ? {} : { disk }),
    budget: MetadataBudget.beside(0),
    log,
  });
  t.teardown(() => cache.close());
  const receivedBytes = (route: 'direct' | 'p2p'): number =>
    activity.report.hosts.reduce((sum, host) => sum + (host.receivedBytes[route] ?? 0), 0);
  return { dfdaemon, cache, client, peers, receivedBytes };
}

export interface ServedFile {
  readonly nginx: Nginx;
  readonly path: string;
  readonly url: string;
  readonly content: Buffer;
}

/** A file of a real server, in which each four bytes are another number. */
export async function serveFile(
  t: ExecutionContext,
  bytes = FILE_BYTES,
  tls?: NginxOptions['tls'],
): Promise<ServedFile> {
  const root = await temporaryDirectory(t);
  const content = stamped(bytes, 1);
  const path = join(root, 'a.bin');
  await writeFile(path, content);
  const nginx = await startNginx(t, { root, ...(tls && { tls }) });
  return { nginx, path, url: `${nginx.origin}/a.bin`, content };
}

export function stamped(bytes: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = (i * 2_654_435_761 + seed) >>> 0;
  return Buffer.from(words.buffer, 0, bytes);
}

/** All of it in order, as `cat` reads it. */
export async function readAll(
  file: OpenResource,
  options: { readonly readsAll?: boolean } = {},
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < (file.size ?? 0); at += MIB) pieces.push(await readAt(file, at, MIB, options));
  return Buffer.concat(pieces);
}

export async function readAt(
  file: OpenResource,
  at: number,
  bytes: number,
  options: { readonly readsAll?: boolean } = {},
): Promise<Buffer> {
  return await file.read(at, bytes, (pieces) => Buffer.concat(pieces), options);
}

/** Opens it, and reads all. */
export async function contentOf({ cache }: ClusterNode, url: string): Promise<Buffer> {
  const file = await cache.open(url);
  try {
    return await readAll(file);
  } finally {
    file.close();
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that the server sent. */
export async function sentBytes({ nginx }: ServedFile): Promise<number> {
  return (await nginx.accessLog()).reduce((sum, { bytesSent }) => sum + bytesSent, 0);
}
