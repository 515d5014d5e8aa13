/**
 * The source oras: the files of OCI artifacts, read by their digests. A version that is open stays readable when its tag
 * moves on.
 */
import { LRUCache } from 'lru-cache';

import { formatRangeHeader } from '../../byte-range.js';
import { ChangedError, IsDirectoryError, SourceError } from '../../errors.js';
import { configuredRoute } from '../../http/configured-route.js';
import { createHttpResource, directoryMetadata } from '../../http/create-http-resource.js';
import type { HttpCaller } from '../../http/http-engine.js';
import type { HttpDialect } from '../../http/http-resource.js';
import { metadataMethods } from '../../metadata-methods.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED, type UrlEntry } from '../../metadata.js';
import type { Request } from '../../request.js';
import { type ExpireInfo, newResponse, type Response } from '../../response.js';
import type { OrasSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import type { Artifact, Blob } from './artifact.js';
import { listRepositories } from './list-repositories.js';
import { locate, MANIFEST_NAME, type Place, referenceOf } from './locate.js';
import {
  contentDigest,
  entryOf,
  etagOf,
  fileMetadata,
  isPinned,
  manifestBlob,
  segmentsOf,
} from './oras-metadata.js';
import { RegistryApi } from './registry-api.js';

const MAX_REGISTRIES = 100;
const FIRST_BYTE = { start: 0, end: 1 };

export function createOras(context: SourceContext): SourceClient {
  const { engine } = context;
  const registries = new WeakMap<OrasSettings, LRUCache<string, RegistryApi>>();

  async function registryFor(url: URL): Promise<RegistryApi> {
    const settings = context.settingsFor(url) as OrasSettings;
    const route = await configuredRoute(settings);
    const byHost = registries.get(settings) ?? new LRUCache<string, RegistryApi>({ max: MAX_REGISTRIES });
    registries.set(settings, byHost);
    const known = byHost.get(url.host);
    if (known !== undefined) return known;
    const registry = new RegistryApi(engine, url.host, settings, route);
    byHost.set(url.host, registry);
    return registry;
  }

  const dialect: HttpDialect = {
    targetOf: async (request) => {
      const registry = await registryFor(request.url);
      const { repository, digest } = await pinnedBlob(registry, request);
      return { ...registry.profile(repository, request.url), url: registry.blobUrl(repository, digest) };
    },
    // The URL has the digest. What a storage behind the registry says of versions is another's.
    rangeRequest: (range) => ({ header: { range: formatRangeHeader(range) } }),
    validatorsOf: () => ({}),
    namesVersion: true,
  };
  const resource = createHttpResource(engine, dialect, context.peers);

  async function placeOf(request: Request): Promise<{ registry: RegistryApi; place: Place }> {
    const registry = await registryFor(request.url);
    return { registry, place: await locate(registry, segmentsOf(request.url), request) };
  }

  async function getMetadata(request: Request): Promise<Metadata> {
    const { registry, place } = await placeOf(request);
    switch (place.kind) {
      case 'repositories':
        return directoryMetadata();
      case 'directory':
        return { ...directoryMetadata(), lastModified: place.artifact.createdMs ?? UNKNOWN_LAST_MODIFIED };
      case 'manifest':
        return fileMetadata(place.artifact, manifestBlob(place.artifact), true);
      case 'blob': {
        const hasRanges = place.blob.sizeBytes === 0 || (await rangesOf(registry, request));
        return fileMetadata(place.artifact, place.blob, hasRanges);
      }
    }
  }

  /** Of all blobs of a registry; the first one shows it. */
  async function rangesOf(registry: RegistryApi, request: Request): Promise<boolean> {
    if (registry.hasRanges === undefined) {
      const answer = await resource.send(
        request,
        { header: { range: formatRangeHeader(FIRST_BYTE) } },
        [200, 206],
      );
      answer.body.cancel();
      registry.noteRanges(answer.status === 206);
    }
    return registry.hasRanges === true;
  }

  async function download(request: Request): Promise<Response> {
    const { url, pin } = request;
    // A layer may have the title of a manifest.
    const manifest = segmentsOf(url).at(-1) === MANIFEST_NAME ? (await placeOf(request)).place : undefined;
    if (manifest?.kind === 'manifest') return downloadManifest(request, manifest.artifact);
    const known = isPinned(pin?.etag) ? undefined : await blobAt(request);
    const etag = pin?.etag ?? etagOf(known?.digest ?? '');
    const contentLength = pin?.contentLength ?? known?.sizeBytes;
    const version = { etag, ...(contentLength === undefined ? {} : { contentLength }) };
    return await resource.download(request.with({ pin: version }));
  }

  function downloadManifest({ url, pin, range }: Request, { digest, text }: Artifact): Response {
    const { start, end } = range ?? { start: 0, end: Infinity };
    const found = etagOf(digest);
    if (pin?.etag !== undefined && pin.etag !== found)
      throw new ChangedError(url, { expected: pin.etag, found });
    const bytes = Buffer.from(text).subarray(start, end);
    return newResponse(bytes, { offset: start, contentLength: bytes.length, header: { etag: found } });
  }

  async function blobAt(request: Request): Promise<Blob> {
    const { place } = await placeOf(request);
    if (place.kind === 'blob') return place.blob;
    throw new IsDirectoryError(request.url);
  }

  async function isExpired(request: Request, { etag }: ExpireInfo): Promise<boolean> {
    try {
      const { place } = await placeOf(request);
      if (place.kind === 'blob') return etag !== etagOf(place.blob.digest);
      return place.kind !== 'manifest' || etag !== etagOf(place.artifact.digest);
    } catch (error) {
      if (error instanceof SourceError && error.code === 'NOT_FOUND') return true;
      throw error;
    }
  }

  async function* list(request: Request): AsyncGenerator<readonly UrlEntry[]> {
    const { registry, place } = await placeOf(request);
    if (place.kind === 'repositories') {
      for await (const names of listRepositories(registry, place.name, request))
        yield names.map((name) => entryOf(request.url, name, { isDir: true }));
    }
    if (place.kind === 'directory') yield await listDirectory(registry, place, request);
  }

  async function listDirectory(
    registry: RegistryApi,
    { artifact, path }: Extract<Place, { kind: 'directory' }>,
    request: Request,
  ): Promise<readonly UrlEntry[]> {
    const { url } = request;
    const entries = [...(artifact.directories.get(path) ?? [])];
    const lastModified = artifact.createdMs;
    const [first] = entries.find(([, blob]) => blob !== undefined && blob.sizeBytes > 0) ?? [];
    const file = first === undefined ? undefined : entryOf(url, first, { isDir: false });
    // Without ranges each file has to be queried before it is read.
    const hasRanges = file !== undefined && (await rangesOf(registry, request.with({ url: file.url })));
    return entries.map(([name, blob]) => {
      if (blob === undefined) return entryOf(url, name, { isDir: true, lastModified });
      const { digest, sizeBytes: size } = blob;
      const version = hasRanges ? { etag: etagOf(digest), digest: contentDigest(digest) } : {};
      return entryOf(url, name, { isDir: false, size, lastModified, ...version });
    });
  }

  return {
    ...metadataMethods(getMetadata),
    download,
    downloadShared: async (request) =>
      isPinned(request.pin?.etag) ? await resource.downloadShared(request) : undefined,
    isExpired,
    list,
  };

  /** A version has its own digest; it need not be found in what the tag stands for by now. */
  async function pinnedBlob(
    registry: RegistryApi,
    request: HttpCaller,
  ): Promise<{ repository: string; digest: string }> {
    const { url, pin } = request;
    const segments = segmentsOf(url);
    if (isPinned(pin?.etag)) {
      const reference = await referenceOf(registry, segments, request);
      if (reference !== undefined)
        return { repository: reference.repository, digest: pin?.etag?.slice(1, -1) ?? '' };
    }
    const place = await locate(registry, segments, request);
    if (place.kind !== 'blob') throw new IsDirectoryError(url);
    const found = etagOf(place.blob.digest);
    if (pin?.etag !== undefined && pin.etag !== found)
      throw new ChangedError(url, { expected: pin.etag, found });
    return { repository: place.repository, digest: place.blob.digest };
  }
}
