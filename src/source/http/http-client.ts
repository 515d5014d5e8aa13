/**
 * The sources http and https. All requests are GET, never HEAD: a presigned URL is signed for GET
 * alone (Dragonfly's http client does the same).
 */
import { formatRangeHeader } from '../byte-range.js';
import { IsDirectoryError, ProtocolError, TimeoutError } from '../errors.js';
import { ListingTooLong } from '../listing-limits.js';
import type { Metadata, UrlEntry } from '../metadata.js';
import type { PeerDownloads } from '../p2p/peer-downloads.js';
import type { Request } from '../request.js';
import type { CompleteClient } from '../resource-client.js';
import { bodyReader } from '../body-reader.js';
import type { Response } from '../response.js';
import { LISTING_TIME_FACTOR } from '../listing-limits.js';
import type { Authorizer } from './authorizer.js';
import { createHttpResource, directoryMetadata } from './create-http-resource.js';
import type { HeaderFields } from './header-fields.js';
import { withoutOwn } from './configured-access.js';
import type { HttpAnswer, HttpEngine, HttpProfile, Redirect } from './http-engine.js';
import type { HttpClientOptions } from './http-options.js';
import type { HttpDialect, HttpTarget, TargetRequest } from './http-resource.js';
import { IndexPage } from './index-page.js';
import { createHttpEngine } from './pooled-engine.js';
import { isDirectoryRedirect } from './redirect.js';

const MAX_CONTENT_TYPE_CHARS = 256;
const INDEX_READ_BYTES = 64 * 1024;
const PROBE = { range: formatRangeHeader({ start: 0, end: 64 * 1024 }) };
export interface HttpClient extends CompleteClient {
  close(): Promise<void>;
}

/** With an engine of its own. */
export function createHttpClient(given: Partial<HttpClientOptions> = {}): HttpClient {
  const engine = createHttpEngine(given);
  const { headersFor } = given;
  const authorizer: Authorizer | undefined = headersFor && {
    authorize: ({ url, header }) => ({ header: withoutOwn(headersFor(url), header) }),
  };
  const profile: HttpProfile = authorizer === undefined ? {} : { authorizer };
  return { ...createHttpSource(engine, () => profile), close: () => engine.close() };
}

/** `profileFor`: what is configured for a URL. */
export function createHttpSource(
  engine: HttpEngine,
  profileFor: (url: URL) => HttpProfile | Promise<HttpProfile> = () => ({}),
  peers?: PeerDownloads,
): CompleteClient {
  const resource = createHttpResource(engine, httpDialect(profileFor), peers);

  async function getMetadata(request: Request): Promise<Metadata> {
    if (!request.url.pathname.endsWith('/')) return await resource.getMetadata(request);
    const answer = await resource.send(request, { header: PROBE }, [200, 206, 416]);
    answer.body.cancel();
    return directoryMetadata();
  }

  async function list(given: Request): Promise<readonly UrlEntry[]> {
    const url = new URL(given.url);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    const request = given.with({ url });
    const answer = await sendForIndex(request);
    const type = answer === undefined ? null : contentTypeOf(answer.header);
    if (answer === undefined) return [];
    if (type !== null && !/html|json/i.test(type)) {
      answer.body.cancel();
      return [];
    }
    const page = new IndexPage(type, url, request.signal);
    return await readIndex(
      resource.toResponse(request, answer),
      page,
      url,
      engine.timeoutMs * LISTING_TIME_FACTOR,
    );
  }

  /** Undefined: the directory lies elsewhere. */
  async function sendForIndex(request: Request): Promise<HttpAnswer | undefined> {
    const header = { accept: 'text/html, application/json;q=0.9, */*;q=0.1' };
    try {
      return await resource.send(request, { header }, [200]);
    } catch (error) {
      if (error instanceof IsDirectoryError) return undefined;
      throw error;
    }
  }

  return { ...resource, getMetadata, list };
}

function httpDialect(profileFor: (url: URL) => HttpProfile | Promise<HttpProfile>): HttpDialect {
  const targetOf = (request: TargetRequest, profile: HttpProfile): HttpTarget => ({
    redirects: followToFile,
    ...profile,
    url: request.url,
    ...(request.hasHeader && { header: ownHeader(request) }),
  });
  return {
    targetOf: (request) => {
      const profile = profileFor(request.url);
      return profile instanceof Promise
        ? profile.then((made) => targetOf(request, made))
        : targetOf(request, profile);
    },
  };
}

function ownHeader({ header }: Pick<Request, 'header'>): Record<string, string> {
  const { 'x-dragonfly-range': _, 'accept-encoding': __, ...own } = Object.fromEntries(header);
  return own;
}

/** A redirect to the same path with a slash: what stands there is a directory. */
function followToFile({ requested, from, to }: Redirect): URL {
  if (isDirectoryRedirect(from, to)) throw new IsDirectoryError(requested);
  return to;
}

/** One that no server means is taken for none. */
function contentTypeOf(header: HeaderFields): string | null {
  const value = header.get('content-type');
  return value === null || value.length > MAX_CONTENT_TYPE_CHARS ? null : value;
}

async function readIndex(
  response: Response,
  page: IndexPage,
  url: URL,
  limitMs: number,
): Promise<readonly UrlEntry[]> {
  const memory = Buffer.allocUnsafeSlow(INDEX_READ_BYTES);
  const reader = bodyReader(response);
  // A body that keeps making progress would be read without end.
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    response.cancel();
  }, limitMs);
  try {
    for (let bytes = memory.length; bytes === memory.length;) {
      bytes = await reader.read({ pieces: [memory] });
      await page.write(memory.subarray(0, bytes));
      if (page.isOther) return [];
    }
    return await page.end();
  } catch (error) {
    if (isLate) {
      const facts = { expected: `a listing within ${limitMs / 1000} s`, found: 'more to come' };
      throw new TimeoutError(url, { ...facts, cause: error });
    }
    if (!(error instanceof ListingTooLong)) throw error;
    throw new ProtocolError('the listing is too long', url, {
      expected: `at most ${error.expected}`,
      found: 'more',
    });
  } finally {
    clearTimeout(timer);
    response.cancel();
  }
}
