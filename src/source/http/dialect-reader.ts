/** Reads the resources of a dialect: what is sent for them, and what an answer is worth. */
import { LRUCache } from 'lru-cache';

import { type ByteRange, formatRangeHeader } from '../byte-range.js';
import { ProtocolError } from '../errors.js';
import { isWeakEtag, type Request, type Validators } from '../request.js';
import { httpDate } from './http-date.js';
import type { HttpAnswer, HttpEngine } from './http-engine.js';
import type { HttpDialect, RangeRequest } from './http-resource.js';
import type { LowSpeedLimit } from './low-speed-limit.js';
import {
  checkEncoding,
  checkLength,
  checkVersion,
  type ContentRange,
  contentRangeOf,
  refuseUnusableEtag,
  validatorsOf,
} from './response-check.js';

const MAX_REDIRECTING = 1_000;

export class DialectReader {
  readonly engine: HttpEngine;
  readonly dialect: HttpDialect;
  /** Origins that have redirected to others, of late. */
  readonly #redirecting = new LRUCache<string, true>({ max: MAX_REDIRECTING });

  constructor(engine: HttpEngine, dialect: HttpDialect) {
    this.engine = engine;
    this.dialect = dialect;
  }

  /** Sends a request for a resource, with what `extra` adds. The body of the answer must be drained or cancelled. */
  async send(
    request: Request,
    extra: RangeRequest,
    allowed: readonly number[],
    resumed?: LowSpeedLimit,
  ): Promise<HttpAnswer> {
    if (this.dialect.open !== undefined) return await this.dialect.open(request, resumed);
    const given = this.dialect.targetOf(request);
    const target = given instanceof Promise ? await given : given;
    const url = extra.query === undefined ? target.url : withQuery(target.url, extra.query);
    const header = target.header === undefined ? extra.header : { ...target.header, ...extra.header };
    const { expectedBytes = 0 } = extra;
    const answer = await this.engine.send(
      { ...target, url, header, allowed, expectedBytes },
      request,
      resumed,
    );
    if (answer.url !== url && answer.url.origin !== url.origin) this.#redirecting.set(url.origin, true);
    const isPart = answer.status === 200 && answer.header.get('content-range') !== null;
    return isPart && this.dialect.isPartBy200 === true ? { ...answer, status: 206 } : answer;
  }

  /** Whether resources of an origin may lie elsewhere. */
  redirects(origin: string): boolean {
    return this.#redirecting.has(origin);
  }

  /** A ranged request, conditional where the version is known (RFC 9110, 13.1.1 and 13.1.4). */
  rangeRequest(range: ByteRange, pin: Validators | undefined): RangeRequest {
    if (this.dialect.rangeRequest !== undefined) return this.dialect.rangeRequest(range, pin);
    const header: Record<string, string> = { range: formatRangeHeader(range) };
    if (pin?.etag !== undefined && !isWeakEtag(pin.etag)) header['if-match'] = pin.etag;
    else if (pin?.lastModifiedMs !== undefined) header['if-unmodified-since'] = httpDate(pin.lastModifiedMs);
    return { header };
  }

  validatorsOf(answer: HttpAnswer): Validators {
    return this.dialect.validatorsOf?.(answer) ?? validatorsOf(answer.header);
  }

  /** Its URL names a version, so that no answer has to. */
  hasVersionInUrl(answer: HttpAnswer): boolean {
    const given = this.dialect.validatorsOf?.(answer);
    return given !== undefined && given.etag === undefined && given.lastModifiedMs === undefined;
  }

  /** Which bytes an answer brings. Throws, and cancels it, if it is not what was requested. */
  check(answer: HttpAnswer, { url, range, pin }: Pick<Request, 'url' | 'range' | 'pin'>): ContentRange {
    try {
      const { header } = answer;
      if (this.dialect.acceptsEncoded !== true) checkEncoding(header, url);
      const contentRange = this.#contentRangeOf(answer, url, range);
      if (pin === undefined) return contentRange;
      const { totalBytes } = contentRange;
      if (this.hasVersionInUrl(answer)) {
        checkLength(url, pin, totalBytes);
        return contentRange;
      }
      const got = this.validatorsOf(answer);
      if (this.dialect.validatorsOf === undefined) refuseUnusableEtag(url, header, pin, got);
      checkVersion(url, pin, got, totalBytes);
      return contentRange;
    } catch (error) {
      answer.body.cancel();
      throw error;
    }
  }

  #contentRangeOf(answer: HttpAnswer, url: URL, requested: ByteRange | undefined): ContentRange {
    if (this.dialect.deliveryOf === undefined) return contentRangeOf(answer, url, requested);
    const got = this.dialect.deliveryOf(answer, requested);
    const { start, end } = requested ?? { start: 0, end: Infinity };
    // The whole instead of a range is legal, and bytes before or behind the range are not.
    const isPart = got.start === start && (got.end ?? 0) <= end;
    if (isPart || got.start === 0) return got;
    throw new ProtocolError('the response has a wrong range', url, {
      expected: `bytes [${start}, ${end})`,
      found: `bytes [${got.start}, ${got.end ?? ''})`,
    });
  }
}

function withQuery(given: URL, query: Readonly<Record<string, string>>): URL {
  const url = new URL(given);
  const added = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  url.search = [url.search, ...added].filter((part) => part !== '').join('&');
  return url;
}
