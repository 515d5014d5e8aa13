/**
 * The client of all hubs. A file is read at the commit in which its content was found, so that a version that is open
 * stays readable when its branch moves on, and bytes of two commits are never mixed.
 */
import { LRUCache } from 'lru-cache';

import { formatRangeHeader } from '../../byte-range.js';
import { ChangedError, IsDirectoryError, ListNotSupportedError } from '../../errors.js';
import type { HttpCaller, HttpEngine } from '../../http/http-engine.js';
import { createHttpResource, directoryMetadata } from '../../http/create-http-resource.js';
import type { HttpDialect } from '../../http/http-resource.js';
import { metadataMethods } from '../../metadata-methods.js';
import {
  type Metadata,
  UNKNOWN_LAST_MODIFIED,
  UNKNOWN_SOURCE_FILE_LEN,
  type UrlEntry,
} from '../../metadata.js';
import type { PeerDownloads } from '../../p2p/peer-downloads.js';
import type { Request } from '../../request.js';
import type { SourceClient } from '../../source.js';
import type { Hub, HubEntry } from './hub.js';
import { type HubPlace, type HubRepository, parseHubUrl } from './hub-path.js';

/** As many open and recently opened files as a mount has. */
const MAX_REVISIONS = 10_000;
const MAX_REVISION_CHARS = 4 * 1024 * 1024;

/** `hubFor`: the hub that the settings of a URL name. */
export function createHubClient(
  engine: HttpEngine,
  hubFor: (url: URL) => Promise<Hub>,
  peers?: PeerDownloads,
): SourceClient {
  /** At which revision a content is read, by path and content id. One hub's word counts for no other. */
  const revisionsOf = new WeakMap<Hub, LRUCache<string, string>>();

  async function placeOf(url: URL): Promise<{ readonly hub: Hub; readonly place: HubPlace }> {
    const hub = await hubFor(url);
    return { hub, place: parseHubUrl(url, hub.types) };
  }

  async function fileOf(
    request: HttpCaller,
  ): Promise<{ hub: Hub; repository: HubRepository; entry: HubEntry }> {
    const { hub, place } = await placeOf(request.url);
    if (place.kind !== 'file-or-directory') throw new IsDirectoryError(request.url);
    const { repository, path } = place;
    const entry = await hub.find(repository, path, request);
    if (entry.isDir) throw new IsDirectoryError(request.url);
    remember(hub, repository, entry);
    return { hub, repository, entry };
  }

  function remember(hub: Hub, repository: HubRepository, { path, contentId, revision }: HubEntry): void {
    const revisions = revisionsOf.get(hub) ?? newRevisions();
    revisionsOf.set(hub, revisions);
    if (contentId !== undefined) revisions.set(versionKey(repository, path, etagOf(contentId)), revision);
  }

  /** Of the version that is pinned: the last revision at which it was found. */
  async function fileUrlOf(request: HttpCaller): Promise<URL> {
    const { hub, place } = await placeOf(request.url);
    const etag = request.pin?.etag;
    if (etag !== undefined && place.kind === 'file-or-directory') {
      const revision = revisionsOf.get(hub)?.get(versionKey(place.repository, place.path, etag));
      if (revision !== undefined) return hub.fileUrl(place.repository, { path: place.path, revision });
    }
    const { repository, entry } = await fileOf(request);
    const found = etagOf(entry.contentId ?? '');
    if (etag !== undefined && etag !== found) throw new ChangedError(request.url, { expected: etag, found });
    return hub.fileUrl(repository, entry);
  }

  const dialect: HttpDialect = {
    targetOf: async (request) => {
      const { url: requested, pin, signal } = request;
      const caller: HttpCaller = {
        url: requested,
        pin,
        signal,
        priority: 'foreground',
        promotion: undefined,
      };
      const url = await fileUrlOf(caller);
      return { ...(await hubFor(request.url)).profileFor(request.url), url };
    },
    // The URL names the content. What a storage behind it says of versions is another's.
    rangeRequest: (range) => ({ header: { range: formatRangeHeader(range) } }),
    validatorsOf: () => ({}),
    namesVersion: true,
  };
  const resource = createHttpResource(engine, dialect, peers);

  async function getMetadata(request: Request): Promise<Metadata> {
    const { hub, place } = await placeOf(request.url);
    if (place.kind !== 'file-or-directory') return directoryMetadata();
    const entry = await hub.find(place.repository, place.path, request);
    if (entry.isDir)
      return { ...directoryMetadata(), lastModified: entry.lastModifiedMs ?? UNKNOWN_LAST_MODIFIED };
    remember(hub, place.repository, entry);
    return {
      kind: 'file',
      contentLength: entry.sizeBytes ?? UNKNOWN_SOURCE_FILE_LEN,
      // Parts at different times would be of different versions.
      supportRange: entry.contentId !== undefined,
      lastModified: entry.lastModifiedMs ?? UNKNOWN_LAST_MODIFIED,
      ...(entry.contentId === undefined
        ? // The time is that of the repository, or of a branch that moves on.
          { isLastModifiedWeak: true }
        : { etag: etagOf(entry.contentId) }),
      ...(entry.digest === undefined ? {} : { digest: entry.digest }),
    };
  }

  async function list(request: Request): Promise<readonly UrlEntry[]> {
    const { url } = request;
    const { hub, place } = await placeOf(url);
    if (place.kind === 'type') throw new ListNotSupportedError(url);
    if (place.kind === 'owner') {
      if (hub.listRepositories === undefined) throw new ListNotSupportedError(url);
      const names = await hub.listRepositories(place.type, place.owner, request);
      return names.map((name) => ({ ...childOf(url, name), isDir: true }));
    }
    const { repository, path } = place;
    const entries = await hub.list(repository, path, request);
    return entries.map((entry) => {
      const child = childOf(url, entry.path.slice(entry.path.lastIndexOf('/') + 1));
      if (entry.isDir) return { ...child, isDir: true };
      remember(hub, repository, entry);
      return {
        ...child,
        isDir: false,
        size: entry.sizeBytes,
        etag: entry.contentId === undefined ? undefined : etagOf(entry.contentId),
        digest: entry.digest,
        lastModified: entry.lastModifiedMs,
      };
    });
  }

  return {
    ...metadataMethods(getMetadata),
    list,
    download: (request) => resource.download(request),
    downloadShared: (request) => resource.downloadShared(request),
  };
}

function newRevisions(): LRUCache<string, string> {
  return new LRUCache({
    max: MAX_REVISIONS,
    maxSize: MAX_REVISION_CHARS,
    sizeCalculation: (revision, key) => revision.length + key.length,
  });
}

function childOf(directory: URL, decodedName: string): { readonly name: string; readonly url: URL } {
  const name = encodeURIComponent(decodedName);
  const base = directory.href.endsWith('/') ? directory.href : `${directory.href}/`;
  return { name, url: new URL(base + name) };
}

function versionKey({ type, id }: HubRepository, path: string, etag: string): string {
  return `${type}/${id}/${path} ${etag}`;
}

/** An entity tag of our own: strong, since equal ids are equal bytes. */
function etagOf(contentId: string): string {
  return `"${contentId}"`;
}
