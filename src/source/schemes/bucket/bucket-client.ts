/**
 * The sources s3, oss, gs, cos and obs. A key is a file, and what is before its slashes are directories. Whether a name is
 * one or the other is two requests at the same time: for the object, and for one key below it. A directory wins, as in
 * Dragonfly and mountpoint-s3. No request is HEAD.
 */
import type { Logger } from 'pino';

import { type Awaitable, chain } from '../../../awaitable.js';
import { encodeKey } from '../../auth/canonical.js';
import type { HttpEngine } from '../../http/http-engine.js';
import { createHttpResource } from '../../http/create-http-resource.js';
import type { HttpDialect, HttpTarget } from '../../http/http-resource.js';
import type { Metadata, UrlEntry } from '../../metadata.js';
import type { PeerDownloads } from '../../p2p/peer-downloads.js';
import type { Request } from '../../request.js';
import type { ResourceClient } from '../../resource-client.js';
import type { Bucket, BucketAccess } from './bucket-access.js';
import { objectUrl } from './bucket-address.js';
import { ElsewhereError, explainRefusal, isRetryableRefusal } from './explain-refusal.js';
import { type ListedDirectory, listPages } from './list-objects.js';
import { objectDigest } from './object-digest.js';
import { keyOf } from './object-key.js';
import { treeMetadata } from './object-tree.js';
import { versionQuery } from './object-version.js';
import { UnusableKeys } from '../../unusable-keys.js';

export interface BucketClientOptions {
  readonly engine: HttpEngine;
  readonly log: Logger;
  /** How the bucket of a URL is reached, by its settings. */
  readonly accessFor: (url: URL) => Awaitable<BucketAccess>;
  readonly peers?: PeerDownloads | undefined;
}

export function createBucketClient({
  engine,
  log,
  accessFor,
  peers,
}: BucketClientOptions): Required<ResourceClient> {
  const unusable = new UnusableKeys(log);
  const dialect: HttpDialect = {
    targetOf: ({ url }) =>
      chain(accessFor(url), (access) => {
        const bucket = access.bucket(url.host);
        const query = versionQuery(url, access.dialect.versionParameter);
        const target = objectUrl(bucket.address, encodeKey(keyOf(url)), query);
        return chain(profileOf(access, bucket, url), (profile) => ({
          ...profile,
          url: target,
          header: { ...access.dialect.objectHeader, ...profile.header },
        }));
      }),
    resumesBy: 'if-match',
    acceptsEncoded: true,
    // So answers `rclone serve s3`, and what else is made of gofakes3.
    isPartBy200: true,
    digestOf: ({ status, header }) => objectDigest(status, header),
  };
  const objects = createHttpResource(engine, dialect, peers);

  async function directoryOf(url: URL): Promise<ListedDirectory> {
    const access = await accessFor(url);
    const bucket = access.bucket(url.host);
    const key = keyOf(url);
    return {
      bucket,
      profile: await profileOf(access, bucket, url),
      encodesKeys: access.dialect.encodesKeys,
      prefix: key === '' || key.endsWith('/') ? key : `${key}/`,
    };
  }

  /** Whether there is a key below it. The root of a bucket has no key of its own: it is there if it can be listed. */
  async function isDirectory(request: Request): Promise<boolean> {
    const directory = await directoryOf(request.url);
    for await (const page of listPages(engine, directory, request, 1)) {
      if (page.keys > 0 || directory.prefix === '') return true;
    }
    return false;
  }

  async function getMetadata(request: Request): Promise<Metadata> {
    const { url } = request;
    if (url.search !== '') return await objects.getMetadata(request);
    return await treeMetadata(request, { object: (one) => objects.getMetadata(one), isDirectory });
  }

  async function* list(request: Request): AsyncGenerator<readonly UrlEntry[]> {
    const url = new URL(request.url);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    for await (const page of listPages(engine, await directoryOf(url), request.with({ url }))) {
      yield page.entries;
      if (page.unusableKey !== undefined) unusable.report(url, page.unusableKey);
    }
  }

  return {
    getMetadata: (request) => wherever(() => getMetadata(request)),
    list: (request) => listWherever(() => list(request)),
    download: (request) => wherever(() => objects.download(request)),
    downloadShared: (request) => objects.downloadShared(request),
    isExpired: (request, info) => wherever(() => objects.isExpired(request, info)),
    getContentLength: (request) => wherever(() => objects.getContentLength(request)),
    isSupportRange: (request) => wherever(() => objects.isSupportRange(request)),
    getLastModified: (request) => wherever(() => objects.getLastModified(request)),
  };
}

/** How requests for `url` are sent, whatever they are for. */
function profileOf(access: BucketAccess, bucket: Bucket, url: URL): Awaitable<Omit<HttpTarget, 'url'>> {
  return chain(access.header(), (header) =>
    chain(access.route(), (route) => ({
      header,
      authorizer: access.authorizer(bucket),
      // A redirect says where the bucket is; its Location is not signed for.
      redirects: 'refuse',
      explain: (refusal) =>
        access.learnRegion(bucket, refusal)
          ? new ElsewhereError(url, refusal.status)
          : explainRefusal(refusal, url, access.noCredentials),
      isRetryable: isRetryableRefusal,
      ...(route && { route }),
    })),
  );
}

/** Once more, where the store said that the bucket is elsewhere: by then it is known where. */
function wherever<Result>(call: () => Promise<Result>): Promise<Result> {
  return call().catch((error: unknown) => {
    if (error instanceof ElsewhereError) return call();
    throw error;
  });
}

async function* listWherever(
  list: () => AsyncGenerator<readonly UrlEntry[]>,
): AsyncGenerator<readonly UrlEntry[]> {
  try {
    yield* list();
  } catch (error) {
    // It came in place of the first page: by the second it is known where the bucket is.
    if (!(error instanceof ElsewhereError)) throw error;
    yield* list();
  }
}
