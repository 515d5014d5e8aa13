/**
 * The sources http and https. All requests are GET, never HEAD: a presigned URL is signed for GET
 * alone (Dragonfly's http client does the same). A probe is a ranged GET whose body is the beginning of
 * the content, so that a small file costs one request.
 */
import { formatRangeHeader } from '../byte-range.js';
import { ChangedError, IsDirectoryError, ProtocolError, SourceError, TimeoutError } from '../errors.js';
import { ListingTooLong } from '../listing-limits.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN, type UrlEntry } from '../metadata.js';
import { isWeakEtag, type Request, type Validators } from '../request.js';
import type { ResourceClient } from '../resource-client.js';
import { drainBody, type ExpireInfo, type Response } from '../response.js';
import { checkResponse, isLastModifiedWeak, isSameEtag, validatorsOf } from './response-check.js';
import { HeaderFields } from './header-fields.js';
import { httpDate } from './http-date.js';
import { toResponse } from './http-download.js';
import { DEFAULT_HTTP_CLIENT_OPTIONS, type HttpClientOptions } from './http-options.js';
import { DirectoryRedirect, HttpOrigin, type OriginResponse } from './http-origin.js';
import { IndexPage } from './index-page.js';

const PROBE = { start: 0, end: 64 * 1024 };
/** A listing may take so many timeouts in all. */
const LISTING_TIME_FACTOR = 4;
const MAX_CONTENT_TYPE_CHARS = 256;

export interface HttpClient extends Required<ResourceClient> {
  close(): Promise<void>;
}

export function createHttpClient(given: Partial<HttpClientOptions> = {}): HttpClient {
  const options = { ...DEFAULT_HTTP_CLIENT_OPTIONS, ...given };
  const origin = new HttpOrigin(options);

  async function download(request: Request): Promise<Response> {
    const { range, pin } = request;
    const header = range === undefined ? {} : rangeHeader(range, pin);
    const isInside = range !== undefined && range.end <= (pin?.contentLength ?? 0);
    const response = await origin.send(request, header, isInside ? [200, 206, 416] : [200, 206]);
    if (response instanceof DirectoryRedirect) throw new IsDirectoryError(request.url);
    if (response.status === 416 && isInside) {
      response.body.cancel();
      const expected = `${pin?.contentLength} bytes, and of them ${formatRangeHeader(range)}`;
      throw new ChangedError(request.url, { expected, found: 'status 416' });
    }
    const contentRange = checkOrCancel(response, request);
    return toResponse(origin, request, response, contentRange, options.retries);
  }

  async function getMetadata(request: Request): Promise<Metadata> {
    const first = request.with({ range: request.range ?? PROBE });
    const response = await origin.send(first, rangeHeader(first.range ?? PROBE, undefined), [200, 206, 416]);
    if (response instanceof DirectoryRedirect) return directory();
    if (response.status === 416) {
      // An empty file has no first byte. Without a range the response has its validators too.
      response.body.cancel();
      return await wholeMetadata(request);
    }
    return toMetadata(response, first);
  }

  async function wholeMetadata(request: Request): Promise<Metadata> {
    const response = await origin.send(request, {}, [200]);
    return response instanceof DirectoryRedirect ? directory() : toMetadata(response, request);
  }

  function toMetadata(response: OriginResponse, request: Request): Metadata {
    if (request.url.pathname.endsWith('/')) {
      response.body.cancel();
      return directory();
    }
    const contentRange = checkOrCancel(response, request);
    const { etag, lastModifiedMs } = validatorsOf(response.header);
    const contentType = response.header.get('content-type');
    const contentLength = contentRange.totalBytes ?? UNKNOWN_SOURCE_FILE_LEN;
    const isWeak =
      (etag === undefined || isWeakEtag(etag)) &&
      lastModifiedMs !== undefined &&
      isLastModifiedWeak(lastModifiedMs, response.header);
    return {
      kind: 'file',
      contentLength,
      // To an empty file a range makes no difference.
      supportRange: response.status === 206 || contentLength === 0,
      lastModified: lastModifiedMs ?? UNKNOWN_LAST_MODIFIED,
      ...(etag === undefined ? {} : { etag }),
      ...(isWeak ? { isLastModifiedWeak: true } : {}),
      ...(response.usedOtherCredentials ? { usedOtherCredentials: true } : {}),
      ...(contentType === null ? {} : { contentType }),
      response: toResponse(origin, request, response, contentRange, options.retries),
    };
  }

  async function isExpired(request: Request, info: ExpireInfo): Promise<boolean> {
    const known = validatorsOf(infoHeader(info));
    const condition = conditionalHeader(known);
    if (condition === undefined) return true;
    try {
      const header = { ...condition, range: 'bytes=0-0' };
      const response = await origin.send(request, header, [200, 206, 304, 416]);
      if (response instanceof DirectoryRedirect) return true;
      response.body.cancel();
      return response.status !== 304 && isOther(known, validatorsOf(response.header));
    } catch (error) {
      if (error instanceof SourceError && error.code === 'NOT_FOUND') return true;
      throw error;
    }
  }

  async function list(request: Request): Promise<readonly UrlEntry[]> {
    const url = new URL(request.url);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    const header = { accept: 'text/html, application/json;q=0.9, */*;q=0.1' };
    const response = await origin.send(request.with({ url }), header, [200]);
    if (response instanceof DirectoryRedirect) return [];
    const type = contentTypeOf(response.header);
    if (type !== null && !/html|json/i.test(type)) {
      response.body.cancel();
      return [];
    }
    const contentRange = checkOrCancel(response, request.with({ url }));
    const body = toResponse(origin, request.with({ url }), response, contentRange, options.retries);
    const page = new IndexPage(type, url, request.signal);
    return readIndex(body, page, url, options.timeoutMs * LISTING_TIME_FACTOR);
  }

  return {
    download,
    getMetadata,
    isExpired,
    list,
    getContentLength: async (request) => (await probe(request)).contentLength,
    isSupportRange: async (request) => (await probe(request)).supportRange,
    getLastModified: async (request) => (await probe(request)).lastModified,
    close: () => origin.close(),
  };

  async function probe(request: Request): Promise<Metadata> {
    const metadata = await getMetadata(request.with({ range: { start: 0, end: 1 } }));
    metadata.response?.cancel();
    return metadata;
  }
}

function directory(): Metadata {
  return {
    kind: 'directory',
    contentLength: UNKNOWN_SOURCE_FILE_LEN,
    supportRange: false,
    lastModified: UNKNOWN_LAST_MODIFIED,
  };
}

function checkOrCancel(response: OriginResponse, request: Request): ReturnType<typeof checkResponse> {
  try {
    return checkResponse(response, request.url, request.range, request.pin);
  } catch (error) {
    response.body.cancel();
    throw error;
  }
}

/** A ranged request, conditional where the version is known (RFC 9110, 13.1.1 and 13.1.4). */
function rangeHeader(
  range: { start: number; end: number },
  pin: Validators | undefined,
): Record<string, string> {
  const header: Record<string, string> = { range: formatRangeHeader(range) };
  if (pin?.etag !== undefined && !isWeakEtag(pin.etag)) header['if-match'] = pin.etag;
  else if (pin?.lastModifiedMs !== undefined) header['if-unmodified-since'] = httpDate(pin.lastModifiedMs);
  return header;
}

function conditionalHeader({ etag, lastModifiedMs }: Validators): Record<string, string> | undefined {
  if (etag !== undefined) return { 'if-none-match': etag };
  return lastModifiedMs === undefined ? undefined : { 'if-modified-since': httpDate(lastModifiedMs) };
}

function isOther(known: Validators, got: Validators): boolean {
  if (known.etag !== undefined && got.etag !== undefined) return !isSameEtag(known.etag, got.etag);
  return known.lastModifiedMs === undefined || known.lastModifiedMs !== got.lastModifiedMs;
}

/** One that no server means is taken for none. */
function contentTypeOf(header: HeaderFields): string | null {
  const value = header.get('content-type');
  return value === null || value.length > MAX_CONTENT_TYPE_CHARS ? null : value;
}

function infoHeader({ etag, lastModified }: ExpireInfo): HeaderFields {
  const header = new HeaderFields();
  if (etag !== undefined) header.set('etag', etag);
  if (lastModified !== undefined) header.set('last-modified', lastModified);
  return header;
}

/** What a page that is no index is left with. */
const OTHER_PAGE = new Error('the page is no index');

async function readIndex(
  response: Response,
  page: IndexPage,
  url: URL,
  limitMs: number,
): Promise<readonly UrlEntry[]> {
  const endMs = performance.now() + limitMs;
  try {
    await drainBody(response, async (chunk) => {
      await page.write(chunk);
      if (page.isOther) throw OTHER_PAGE;
      // A body that keeps making progress would be read without end.
      if (performance.now() < endMs) return;
      throw new TimeoutError(url, {
        expected: `a listing within ${limitMs / 1000} s`,
        found: 'more to come',
      });
    });
    return await page.end();
  } catch (error) {
    if (error === OTHER_PAGE) return [];
    if (!(error instanceof ListingTooLong)) throw error;
    throw new ProtocolError('the listing is too long', url, {
      expected: `at most ${error.expected}`,
      found: 'more',
    });
  }
}
