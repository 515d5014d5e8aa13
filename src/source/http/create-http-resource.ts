/** The methods of a `ResourceClient` for what a dialect reads. */
import { formatRangeHeader } from '../byte-range.js';
import { ChangedError, IsDirectoryError, SourceError } from '../errors.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN } from '../metadata.js';
import { isWeakEtag, type Request, type Validators } from '../request.js';
import type { ResourceClient } from '../resource-client.js';
import type { ExpireInfo, Response } from '../response.js';
import type { PeerDownloads } from '../p2p/peer-downloads.js';
import { DialectReader } from './dialect-reader.js';
import { HeaderFields } from './header-fields.js';
import { httpDate } from './http-date.js';
import { expectedBytesOf, toResponse } from './http-download.js';
import type { HttpAnswer, HttpEngine } from './http-engine.js';
import type { HttpDialect, RangeRequest } from './http-resource.js';
import { type ContentRange, isLastModifiedWeak, isSameEtag, validatorsOf } from './response-check.js';

const PROBE = { start: 0, end: 64 * 1024 };
const FIRST_BYTE = { start: 0, end: 1 };

export interface HttpResource extends Required<Omit<ResourceClient, 'list'>> {
  /** A request of the source's own, to the target of a resource. The body of the answer must be drained or cancelled. */
  readonly send: (request: Request, extra: RangeRequest, allowed: readonly number[]) => Promise<HttpAnswer>;
  /** The body of an answer to it, checked and resumed as that of a download. */
  readonly toResponse: (request: Request, answer: HttpAnswer) => Response;
}

/**
 * A probe is a ranged GET whose body is the beginning of the content, so that a small file costs one request. An
 * `IsDirectoryError` of the dialect or of its redirect policy makes the metadata of a directory.
 */
export function createHttpResource(
  engine: HttpEngine,
  dialect: HttpDialect,
  peers?: PeerDownloads,
): HttpResource {
  const reader = new DialectReader(engine, dialect);

  async function download(request: Request): Promise<Response> {
    const { range, pin } = request;
    const ranged = range === undefined ? { header: {} } : reader.rangeRequest(range, pin);
    const expected = { ...ranged, expectedBytes: expectedBytesOf(request) };
    const isInside = range !== undefined && range.end <= (pin?.contentLength ?? 0);
    const answer = await reader.send(request, expected, isInside ? [200, 206, 416] : [200, 206]);
    if (answer.status === 416 && isInside) {
      answer.body.cancel();
      const expected = `${pin?.contentLength} bytes, and of them ${formatRangeHeader(range)}`;
      throw new ChangedError(request.url, { expected, found: 'status 416' });
    }
    return toResponse(reader, request, answer, reader.check(answer, request));
  }

  async function getMetadata(request: Request): Promise<Metadata> {
    const { range = PROBE } = request;
    const first = request.range === undefined ? request.with({ range }) : request;
    try {
      const ranged = reader.rangeRequest(range, undefined);
      const answer = await reader.send(first, ranged, [200, 206, 416]);
      if (answer.status !== 416) return withResponse(answer, first);
      // An empty file has no first byte. Without a range the answer has its validators too.
      answer.body.cancel();
      return withResponse(await reader.send(request, { header: {} }, [200]), request);
    } catch (error) {
      if (error instanceof IsDirectoryError) return directoryMetadata();
      throw error;
    }
  }

  function withResponse(answer: HttpAnswer, request: Request): Metadata {
    const contentRange = reader.check(answer, request);
    return {
      ...metadataOf(answer, contentRange),
      response: toResponse(reader, request, answer, contentRange),
    };
  }

  function metadataOf(answer: HttpAnswer, { totalBytes }: ContentRange): Metadata {
    const { etag, lastModifiedMs } = reader.validatorsOf(answer);
    const contentType = answer.header.get('content-type');
    const contentLength = totalBytes ?? UNKNOWN_SOURCE_FILE_LEN;
    const digest = dialect.digestOf?.(answer);
    const isWeak =
      (etag === undefined || isWeakEtag(etag)) &&
      lastModifiedMs !== undefined &&
      isLastModifiedWeak(lastModifiedMs, answer.header);
    const metadata: Metadata = {
      kind: 'file',
      contentLength,
      // To an empty file a range makes no difference.
      supportRange: answer.status === 206 || contentLength === 0,
      lastModified: lastModifiedMs ?? UNKNOWN_LAST_MODIFIED,
      ...(etag === undefined ? {} : { etag }),
      ...(isWeak ? { isLastModifiedWeak: true } : {}),
      ...(answer.usedOtherCredentials ? { usedOtherCredentials: true } : {}),
      ...(contentType === null ? {} : { contentType }),
      ...(digest === undefined ? {} : { digest }),
    };
    return dialect.metadataOf?.(answer, metadata) ?? metadata;
  }

  async function isExpired(request: Request, info: ExpireInfo): Promise<boolean> {
    const known = validatorsOfInfo(info);
    const condition = conditionalHeader(known);
    if (condition === undefined) return true;
    try {
      const { header, query } = reader.rangeRequest(FIRST_BYTE, undefined);
      const extra = { header: { ...condition, ...header }, ...(query === undefined ? {} : { query }) };
      const answer = await reader.send(request, extra, [200, 206, 304, 416]);
      answer.body.cancel();
      return answer.status !== 304 && isOther(known, currentOf(answer, request));
    } catch (error) {
      if (error instanceof IsDirectoryError) return true;
      if (error instanceof SourceError && error.code === 'NOT_FOUND') return true;
      throw error;
    }
  }

  /** The validators that metadata of the answer would have. */
  function currentOf(answer: HttpAnswer, request: Request): Validators {
    if (dialect.metadataOf === undefined || answer.status === 416) return reader.validatorsOf(answer);
    const contentRange = reader.check(answer, request.with({ range: FIRST_BYTE }));
    const { etag, lastModified } = metadataOf(answer, contentRange);
    return {
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified < 0 ? {} : { lastModifiedMs: lastModified }),
    };
  }

  async function probe(request: Request): Promise<Metadata> {
    const metadata = await getMetadata(request.with({ range: FIRST_BYTE }));
    metadata.response?.cancel();
    return metadata;
  }

  return {
    download,
    downloadShared: async (request) => await peers?.download(request, reader),
    getMetadata,
    isExpired,
    getContentLength: async (request) => (await probe(request)).contentLength,
    isSupportRange: async (request) => (await probe(request)).supportRange,
    getLastModified: async (request) => (await probe(request)).lastModified,
    send: (request, extra, allowed) => reader.send(request, extra, allowed),
    toResponse: (request, answer) => toResponse(reader, request, answer, reader.check(answer, request)),
  };
}

export function directoryMetadata(): Metadata {
  return {
    kind: 'directory',
    contentLength: UNKNOWN_SOURCE_FILE_LEN,
    supportRange: false,
    lastModified: UNKNOWN_LAST_MODIFIED,
  };
}

function conditionalHeader({ etag, lastModifiedMs }: Validators): Record<string, string> | undefined {
  if (etag !== undefined) return { 'if-none-match': etag };
  return lastModifiedMs === undefined ? undefined : { 'if-modified-since': httpDate(lastModifiedMs) };
}

function isOther(known: Validators, got: Validators): boolean {
  if (known.etag !== undefined && got.etag !== undefined) return !isSameEtag(known.etag, got.etag);
  return known.lastModifiedMs === undefined || known.lastModifiedMs !== got.lastModifiedMs;
}

function validatorsOfInfo({ etag, lastModified }: ExpireInfo): Validators {
  const header = new HeaderFields();
  if (etag !== undefined) header.set('etag', etag);
  if (lastModified !== undefined) header.set('last-modified', lastModified);
  return validatorsOf(header);
}
