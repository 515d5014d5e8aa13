/**
 * The source abs: Azure Blob Storage. A blob is a file, and what is before the slashes of its name are directories, with or
 * without a blob that marks them.
 */
import type { Logger } from 'pino';

import { encodeKey, encodeStrict } from '../../auth/canonical.js';
import { IsDirectoryError, NotFoundError, SourceError } from '../../errors.js';
import { createHttpResource, directoryMetadata } from '../../http/create-http-resource.js';
import type { HttpAnswer, HttpCaller, HttpEngine } from '../../http/http-engine.js';
import type { HttpDialect } from '../../http/http-resource.js';

import type { ContentDigest, Metadata, UrlEntry } from '../../metadata.js';
import type { PeerDownloads } from '../../p2p/peer-downloads.js';
import type { Request } from '../../request.js';
import type { ResourceClient } from '../../resource-client.js';
import { followPages, xmlReader } from '../../listing-pages.js';
import { treeMetadata } from '../bucket/object-tree.js';
import { UnusableKeys } from '../../unusable-keys.js';
import type { BlobAccess } from './blob-access.js';
import { blobPlace } from './blob-address.js';
import { VERSION_PARAMETERS } from './blob-source.js';
import { BlobListing, type BlobPage } from './blob-listing.js';

const PAGE_BLOBS = 5_000;

export interface BlobClientOptions {
  readonly engine: HttpEngine;
  readonly log: Logger;
  /** How the account of a URL is reached, by its settings. Throws NOT_CONFIGURED where none is named. */
  readonly accessFor: (url: URL) => BlobAccess;
  readonly peers?: PeerDownloads | undefined;
}

export function createBlobClient({
  engine,
  log,
  accessFor,
  peers,
}: BlobClientOptions): Required<ResourceClient> {
  const unusable = new UnusableKeys(log);
  const dialect: HttpDialect = {
    targetOf: async ({ url }) => {
      const access = accessFor(url);
      const { container, key } = blobPlace(url);
      if (key === '') throw new IsDirectoryError(url);
      const target = access.url(`${encodeKey(container)}/${encodeKey(key)}`, versionQuery(url));
      return { ...(await access.profile(url)), url: target };
    },
    resumesBy: 'if-match',
    acceptsEncoded: true,
    digestOf,
    metadataOf: (answer, metadata) => {
      if (marksDirectory(answer)) throw new IsDirectoryError(answer.url);
      return metadata;
    },
  };
  const blobs = createHttpResource(engine, dialect, peers);

  /** Of a container; of an account, its containers. */
  function listPages(caller: HttpCaller, maxResults = PAGE_BLOBS): AsyncGenerator<BlobPage> {
    const { url } = caller;
    const access = accessFor(url);
    const { container, key } = blobPlace(url);
    const prefix = key === '' || key.endsWith('/') ? key : `${key}/`;
    return followPages<{ readonly value: string }, BlobPage>(url, async (start) => {
      const query = {
        ...(container === ''
          ? { comp: 'list' }
          : { restype: 'container', comp: 'list', delimiter: '/', prefix, include: 'metadata' }),
        maxresults: String(maxResults),
        ...(start === undefined ? {} : { marker: start.value }),
      };
      const text = Object.entries(query).map(([name, value]) => `${name}=${encodeStrict(value)}`);
      const target = access.url(encodeKey(container), text.join('&'));
      const request = { ...(await access.profile(url)), url: target, allowed: [200] };
      const listing = await engine.fetchPieces(request, caller, () => xmlReader(url, new BlobListing()));
      return await listing.page(url, prefix, caller.signal);
    });
  }

  /** The root of a container has no name of its own: it is there if it can be listed. */
  async function isDirectory(request: Request): Promise<boolean> {
    const isRoot = blobPlace(request.url).key === '';
    for await (const page of listPages(request, 1)) if (page.keys > 0 || isRoot) return true;
    return false;
  }

  async function getMetadata(request: Request): Promise<Metadata> {
    const { url } = request;
    if (url.search !== '') return await blobs.getMetadata(request);
    const { container, key } = blobPlace(url);
    if (container === '') return directoryMetadata();
    if (key !== '')
      return await treeMetadata(request, { object: (one) => blobs.getMetadata(one), isDirectory });
    try {
      if (await isDirectory(request)) return directoryMetadata();
    } catch (error) {
      // A signature for some blobs does not include the listing of their container.
      if (!(error instanceof SourceError) || error.code !== 'ACCESS_DENIED') throw error;
      return directoryMetadata();
    }
    throw new NotFoundError(url, { found: 'no such container' });
  }

  async function* list(request: Request): AsyncGenerator<readonly UrlEntry[]> {
    const url = new URL(request.url);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    for await (const page of listPages(request.with({ url }))) {
      yield page.entries;
      if (page.unusableKey !== undefined) unusable.report(url, page.unusableKey);
    }
  }

  return { ...blobs, getMetadata, list };
}

function versionQuery({ searchParams }: URL): string {
  return VERSION_PARAMETERS.flatMap((name) => {
    const value = searchParams.get(name);
    return value === null ? [] : [`${name}=${encodeStrict(value)}`];
  }).join('&');
}

function marksDirectory({ header }: HttpAnswer): boolean {
  return header.get('x-ms-meta-hdi_isfolder') === 'true' || header.get('x-ms-resource-type') === 'directory';
}

/** Of the whole blob, if its writer gave one. What is appended or written into pages later leaves it as it was. */
function digestOf({ status, header }: HttpAnswer): ContentDigest | undefined {
  if ((header.get('x-ms-blob-type') ?? 'BlockBlob') !== 'BlockBlob') return undefined;
  const ofAnswer = status === 200 ? header.get('content-md5') : null;
  const md5 = header.get('x-ms-blob-content-md5') ?? ofAnswer;
  if (md5 === null || !/^[A-Za-z0-9+/]{22}==$/.test(md5)) return undefined;
  return { algorithm: 'md5', hex: Buffer.from(md5, 'base64').toString('hex') };
}
