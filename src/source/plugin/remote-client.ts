/**
 * A plugin as a `ResourceClient`: each method is one call of its process. No result is
 * used before its type was checked; lengths of bodies are checked by `RemoteBody`.
 */
import { LRUCache } from 'lru-cache';

import { ClientFaultError, SourceError } from '../errors.js';
import { MAX_LISTED_ENTRIES } from '../listing-limits.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN, type UrlEntry } from '../metadata.js';
import { NamedEntry } from '../named-entry.js';
import type { Request } from '../request.js';
import type { ResourceClient } from '../resource-client.js';
import type { ExpireInfo, Response } from '../response.js';
import { callForJson, callForRows } from './call.js';
import type { Plugin } from './plugin.js';
import { callOf, type ResourceCall } from './protocol.js';
import { openRemoteBody } from './remote-body.js';
import type { KnownResource } from './remote-response.js';

const MAX_RESPONSE_BYTES = 64 * 1024;
const MAX_ENTITY_TAG_CHARS = 1_024;
const MAX_KNOWN = 10_000;

export function createRemoteClient(plugin: Plugin): ResourceClient {
  const known = new LRUCache<string, KnownResource>({ max: MAX_KNOWN });

  async function call(
    path: string,
    request: Request,
    extra: Partial<ResourceCall> = {},
  ): Promise<Record<string, unknown>> {
    const { url, signal } = request;
    const options = { url, signal, limitMs: plugin.callLimitMs, maxBytes: MAX_RESPONSE_BYTES };
    return await plugin.run(
      url,
      async (process) => await callForJson(process, path, { ...callOf(request), ...extra }, options),
    );
  }

  async function getMetadata(request: Request): Promise<Metadata> {
    const metadata = toMetadata(await call('/metadata', request), request.url);
    known.set(request.url.href, metadata);
    return metadata;
  }

  async function isExpired(request: Request, info: ExpireInfo): Promise<boolean> {
    const { expired } = await call('/expired', request, { info });
    if (typeof expired !== 'boolean') throw wrongType('expired', 'true or false', expired, request.url);
    return expired;
  }

  async function list(request: Request): Promise<readonly UrlEntry[]> {
    const { url, signal } = request;
    return await plugin.run(url, async (process) => {
      const entries: UrlEntry[] = [];
      const take = (rows: readonly unknown[]): void => {
        for (const row of rows) entries.push(toEntry(row, url));
        if (entries.length <= MAX_LISTED_ENTRIES) return;
        throw new ClientFaultError('plugin', url, {
          expected: `entries: at most ${MAX_LISTED_ENTRIES}`,
          found: 'more',
        });
      };
      const options = { url, signal, limitMs: plugin.callLimitMs, member: 'entries', take };
      await callForRows(process, '/list', callOf(request), options);
      return entries;
    });
  }

  return {
    getContentLength: async (request) => (await getMetadata(request)).contentLength,
    isSupportRange: async (request) => (await getMetadata(request)).supportRange,
    getLastModified: async (request) => (await getMetadata(request)).lastModified,
    isExpired: (request, info) =>
      plugin.methods.has('expired')
        ? isExpired(request, info)
        : Promise.reject(new SourceError('INVALID_REQUEST', 'the plugin does not support it', request.url)),
    download: (request): Promise<Response> =>
      openRemoteBody(plugin, request, () => known.get(request.url.href)),
    getMetadata,
    ...(plugin.methods.has('list') ? { list } : {}),
  };
}

function toMetadata(response: Record<string, unknown>, url: URL): Metadata {
  const {
    kind = 'file',
    contentLength = UNKNOWN_SOURCE_FILE_LEN,
    supportRange = false,
    etag,
    mode,
  } = response;
  const { lastModified = UNKNOWN_LAST_MODIFIED } = response;
  if (kind !== 'file' && kind !== 'directory') throw wrongType('kind', "'file' or 'directory'", kind, url);
  if (!Number.isSafeInteger(contentLength)) throw wrongType('contentLength', 'bytes', contentLength, url);
  if (typeof supportRange !== 'boolean') {
    throw wrongType('supportRange', 'true or false', supportRange, url);
  }
  if (typeof lastModified !== 'number') throw wrongType('lastModified', 'milliseconds', lastModified, url);
  const isTag = etag === undefined || (typeof etag === 'string' && etag.length <= MAX_ENTITY_TAG_CHARS);
  if (!isTag) throw wrongType('etag', 'a short text', etag, url);
  if (mode !== undefined && count(mode) === undefined) throw wrongType('mode', 'permission bits', mode, url);
  return {
    kind,
    contentLength: Number(contentLength) < 0 ? UNKNOWN_SOURCE_FILE_LEN : Number(contentLength),
    supportRange,
    lastModified: lastModified < 0 ? UNKNOWN_LAST_MODIFIED : lastModified,
    ...(typeof etag === 'string' && etag !== '' ? { etag } : {}),
    mode: count(mode),
  };
}

function toEntry(entry: unknown, directory: URL): UrlEntry {
  const given = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  const { name, isDir = false, size, lastModified, lastModifiedPrecisionMs, mode } = given;
  if (typeof name !== 'string') throw wrongType('name', 'a text', name, directory);
  return new NamedEntry(directory, name, {
    isDir: isDir === true,
    size: count(size),
    lastModified: count(lastModified),
    lastModifiedPrecisionMs: count(lastModifiedPrecisionMs),
    mode: count(mode),
  });
}

function count(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined;
}

function wrongType(member: string, expected: string, found: unknown, url: URL): ClientFaultError {
  return new ClientFaultError('plugin', url, { expected: `${member}: ${expected}`, found: shapeOf(found) });
}

/** Not what a text says: it may say what was to be kept. */
function shapeOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return `a text of ${value.length} characters`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return JSON.stringify(value);
}
