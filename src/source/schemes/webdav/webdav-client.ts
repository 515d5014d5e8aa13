/**
 * The sources webdav and webdavs. What a name is, PROPFIND says; what a file holds, and which version it is, only GET: the
 * properties of some servers are those of a link, or have tags of their own.
 */
import type { Logger } from 'pino';

import { percentDecoded, percentEncodedSegment } from '../../byte-text.js';
import { IsDirectoryError, NotFoundError, SourceError } from '../../errors.js';
import { createHttpResource, directoryMetadata } from '../../http/create-http-resource.js';
import type { HttpEngine } from '../../http/http-engine.js';
import type { HttpDialect } from '../../http/http-resource.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED, type UrlEntry } from '../../metadata.js';
import { NamedEntry } from '../../named-entry.js';
import type { PeerDownloads } from '../../p2p/peer-downloads.js';
import type { Request } from '../../request.js';
import type { ResourceClient } from '../../resource-client.js';
import { UnusableKeys } from '../../unusable-keys.js';
import { checksumDigest } from './checksum-digest.js';
import { isSameFile } from './listed-files.js';
import { findProperties, listProperties, type NamedRow } from './propfind.js';
import type { WebdavServer } from './webdav-server.js';

const FIRST_BYTE = { start: 0, end: 1 };

export interface WebdavClientOptions {
  readonly engine: HttpEngine;
  readonly log: Logger;
  /** By the settings of a URL. */
  readonly serverFor: (url: URL) => WebdavServer;
  readonly peers?: PeerDownloads | undefined;
}

export function createWebdavClient({
  engine,
  log,
  serverFor,
  peers,
}: WebdavClientOptions): Required<ResourceClient> {
  const unusable = new UnusableKeys(log, { place: 'server', key: 'path' });
  const dialect: HttpDialect = {
    targetOf: async ({ url }) => {
      const server = serverFor(url);
      return { ...(await server.fileProfile(url)), url: server.target(url) };
    },
    digestOf: ({ header }) => checksumDigest(header.get('oc-checksum') ?? ''),
  };
  const files = createHttpResource(engine, dialect, peers);

  async function getMetadata(request: Request): Promise<Metadata> {
    return (await listedMetadata(request)) ?? (await foundMetadata(request));
  }

  /** Of a file that was listed a while ago, as far as it is still what was listed. */
  async function listedMetadata(request: Request): Promise<Metadata | undefined> {
    const { listed } = serverFor(request.url);
    const path = percentDecoded(request.url.pathname);
    const properties = listed.get(path);
    if (properties === undefined) return undefined;
    const read = await files.getMetadata(request).catch((error: unknown) => {
      if (isUnclear(error)) return directoryMetadata();
      throw error;
    });
    if (read.kind === 'file' && isSameFile(properties, read)) {
      listed.compare(properties, read);
      return read;
    }
    read.response?.cancel();
    listed.forget(path);
    return undefined;
  }

  async function foundMetadata(request: Request): Promise<Metadata> {
    const { url } = request;
    const server = serverFor(url);
    try {
      const properties = await findProperties(engine, server, request);
      const { lastModified = UNKNOWN_LAST_MODIFIED } = properties;
      if (properties.isDirectory) return { ...directoryMetadata(), lastModified };
      if (url.pathname.endsWith('/')) throw new NotFoundError(url, { found: 'a file, without the slash' });
      const read = await files.getMetadata(request);
      server.listed.compare(properties, read);
      return read;
    } catch (error) {
      if (error instanceof IsDirectoryError) return directoryMetadata();
      throw error;
    }
  }

  async function* list(request: Request): AsyncGenerator<readonly UrlEntry[]> {
    const url = new URL(request.url);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    const server = serverFor(url);
    const path = percentDecoded(url.pathname);
    const entry = ({ name, row }: NamedRow): UrlEntry => {
      const { isDirectory, size, lastModified, digest } = row;
      const encoded = percentEncodedSegment(name);
      if (isDirectory) return new NamedEntry(url, encoded, { isDir: true, lastModified });
      const etag = server.listed.note(`${path}${name}`, row);
      return new NamedEntry(url, encoded, { isDir: false, size, lastModified, etag, digest });
    };
    for await (const rows of listProperties(engine, server, request.with({ url }))) {
      if (rows.isFile) return;
      yield rows.named.map(entry);
      if (rows.unusable !== undefined) unusable.report(url, rows.unusable);
    }
  }

  async function probe(request: Request): Promise<Metadata> {
    const { response, ...metadata } = await getMetadata(request.with({ range: FIRST_BYTE }));
    response?.cancel();
    return metadata;
  }

  return {
    ...files,
    getMetadata,
    list,
    getContentLength: async (request) => (await probe(request)).contentLength,
    isSupportRange: async (request) => (await probe(request)).supportRange,
    getLastModified: async (request) => (await probe(request)).lastModified,
  };
}

/** It may be a directory by now: some servers answer GET of one so. */
function isUnclear(error: unknown): boolean {
  return error instanceof SourceError && (error.code === 'PROTOCOL' || error.code === 'UNEXPECTED_STATUS');
}
