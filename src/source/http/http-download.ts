/**
 * A body that delivers exactly what was promised. A connection that breaks is taken up again where it
 * stopped (Range with If-Range), as often as `retries` says without much progress in between; what follows
 * must be of the same version. A body that is longer or shorter than promised is an error, never data.
 */
import { type ByteRange, formatRangeHeader, parseContentRange } from '../byte-range.js';
import { uidOf, withUid } from '../caller-uid.js';
import { ChangedError, InterruptedError, ProtocolError, type SourceError } from '../errors.js';
import { isWeakEtag, type Request, type Validators } from '../request.js';
import { type BufferProvider, type BodySink, newResponse, type Response } from '../response.js';
import { checkResponse, type ContentRange, isLastModifiedWeak, validatorsOf } from './response-check.js';
import type { HeaderFields } from './header-fields.js';
import { httpDate } from './http-date.js';
import { failureOf, isRetryable } from './http-failure.js';
import { DirectoryRedirect, type HttpOrigin, type OriginResponse } from './http-origin.js';
import { readAhead } from './read-ahead.js';

/** Less than this is no progress: a body that breaks after each byte would take that many requests. */
const MIN_PROGRESS_BYTES = 1024;

/** Makes the response of a source of a checked response of HTTP. */
export function toResponse(
  origin: HttpOrigin,
  request: Request,
  response: OriginResponse,
  contentRange: ContentRange,
  retries: number,
): Response {
  const download = new HttpDownload(origin, request, response, contentRange, retries);
  const drain = (sink: BodySink, nextBuffer?: BufferProvider): Promise<void> =>
    download.drain(sink, nextBuffer);
  const cancel = (): void => download.cancel();
  return newResponse(readAhead(drain, cancel), {
    status: response.status,
    header: () => response.header.toHeaders(),
    offset: contentRange.start,
    contentLength: download.wantedBytes ?? -1,
    drain,
    cancel,
  });
}

class HttpDownload {
  readonly wantedBytes: number | undefined;
  readonly #origin: HttpOrigin;
  readonly #request: Request;
  readonly #retries: number;
  /** Of the whole, once a response has named it. */
  #totalBytes: number | undefined;
  /** Of the first response; parsed only when the download breaks. */
  readonly #header: HeaderFields;
  #end: number | undefined;
  #response: OriginResponse;
  #position: number;
  #responseEnd: number | undefined;
  #isCancelled = false;
  /** Ends the request for the rest of a body that broke. */
  #resuming: AbortController | undefined;

  constructor(
    origin: HttpOrigin,
    request: Request,
    response: OriginResponse,
    contentRange: ContentRange,
    retries: number,
  ) {
    this.#origin = origin;
    this.#request = request;
    this.#response = response;
    this.#retries = retries;
    this.#position = contentRange.start;
    this.#responseEnd = contentRange.end;
    this.#end = wantedEnd(request.range, contentRange, response.status);
    this.wantedBytes = this.#end === undefined ? undefined : this.#end - contentRange.start;
    this.#totalBytes = contentRange.totalBytes;
    this.#header = response.header;
  }

  /** What the rest must belong to. A weak time does not identify a version. */
  get #pin(): Validators {
    const { etag, lastModifiedMs } = validatorsOf(this.#header);
    const isWeak = lastModifiedMs !== undefined && isLastModifiedWeak(lastModifiedMs, this.#header);
    const contentLength = this.#totalBytes;
    return {
      ...(contentLength === undefined ? {} : { contentLength }),
      ...(etag === undefined ? {} : { etag }),
      ...(lastModifiedMs === undefined || isWeak ? {} : { lastModifiedMs }),
    };
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#response.body.cancel();
    this.#resuming?.abort();
  }

  /** Pushes the body into `sink`. May be called once. */
  async drain(sink: BodySink, nextBuffer?: BufferProvider): Promise<void> {
    let failures = 0;
    for (;;) {
      const before = this.#position;
      const failure = await this.#drainResponse(sink, nextBuffer);
      // A shorter range than the requested one is legal: another request continues it.
      if (failure === undefined && this.#isAtEnd()) return;
      failures = this.#position - before >= MIN_PROGRESS_BYTES ? 0 : failures + 1;
      const isLate = this.#response.lowSpeedLimit.leftMs === 0;
      if (isLate || failures > this.#retries) throw failure ?? this.#wrongLength('no more');
      await this.#resume(failure);
      if (this.#end !== undefined && this.#position >= this.#end) return;
    }
  }

  /** Of a response that ended. Where no length is known the end of a 200 is that of the body; that of a part is not. */
  #isAtEnd(): boolean {
    if (this.#end !== undefined) return this.#position >= this.#end;
    if (this.#response.status === 206) throw this.#wrongLength('a part of a whole of unknown length');
    return true;
  }

  /** Returns a retryable failure; throws any other, and what `sink` throws. */
  async #drainResponse(
    sink: BodySink,
    nextBuffer: BufferProvider | undefined,
  ): Promise<SourceError | undefined> {
    const { body } = this.#response;
    try {
      await body.drain((chunk) => {
        this.#advance(chunk.byteLength);
        return sink(chunk);
      }, nextBuffer);
      if (this.#responseEnd !== undefined && this.#position < this.#responseEnd)
        throw new Error('the body ended early');
      return undefined;
    } catch (error) {
      if (body.hasSinkFailed) throw error;
      const failure = failureOf(error, this.#request.url, this.#request.signal);
      if (this.#isCancelled || !isRetryable(failure)) throw failure;
      return failure;
    }
  }

  #advance(bytes: number): void {
    this.#position += bytes;
    if (this.#responseEnd !== undefined && this.#position > this.#responseEnd) {
      throw this.#wrongLength(`${this.#position - this.#responseEnd} bytes more`);
    }
  }

  async #resume(failure: unknown): Promise<void> {
    const condition = ifRange(this.#pin);
    if (condition === undefined || (this.#end === undefined && this.#position === 0)) {
      throw failure ?? this.#wrongLength('no validator to go on with');
    }
    const range = { start: this.#position, end: this.#end ?? Infinity };
    const header = { range: formatRangeHeader(range), 'if-range': condition };
    this.#resuming = new AbortController();
    const { signal } = this.#request;
    const own = this.#resuming.signal;
    const request = this.#request.with({
      signal: signal === undefined ? own : withUid(AbortSignal.any([signal, own]), uidOf(signal)),
    });
    const { lowSpeedLimit } = this.#response;
    const beganMs = this.#origin.now();
    const response = await this.#origin.send(request, header, [200, 206, 416], lowSpeedLimit);
    lowSpeedLimit.noteWait(this.#origin.now() - beganMs);
    const changed = (found: string): ChangedError =>
      new ChangedError(this.#request.url, { expected: 'the rest of the body', found });
    if (response instanceof DirectoryRedirect) throw changed('a directory');
    if (this.#isCancelled) {
      response.body.cancel();
      throw new InterruptedError(this.#request.url);
    }
    if (response.status !== 206) {
      response.body.cancel();
      if (this.#isNothingLeft(response)) {
        this.#end = this.#position;
        return;
      }
      if (this.#isWhole(response) && failure instanceof Error) throw failure;
      throw changed(`status ${response.status}`);
    }
    this.#response = response;
    try {
      // The condition held, and a response to it need not repeat the time (RFC 9110, 15.3.7).
      const isBare =
        condition !== this.#pin.etag && validatorsOf(response.header).lastModifiedMs === undefined;
      const { lastModifiedMs: _, ...timeless } = this.#pin;
      const pin = isBare ? timeless : this.#pin;
      const { end, totalBytes } = checkResponse(response, this.#request.url, range, pin);
      this.#responseEnd = end;
      this.#totalBytes ??= totalBytes;
      // The first response was a 200 without a length.
      this.#end ??= totalBytes;
    } catch (error) {
      response.body.cancel();
      throw error;
    }
  }

  /** A 416 that names our position as the length: what broke had all of the body, and only its end was missing. */
  #isNothingLeft({ status, header }: OriginResponse): boolean {
    if (status !== 416 || this.#end !== undefined) return false;
    const { etag } = validatorsOf(header);
    const isOther = etag !== undefined && etag !== this.#pin.etag;
    return !isOther && parseContentRange(header.get('content-range') ?? '')?.totalBytes === this.#position;
  }

  /** A 200 with our validators: the source supports no ranges. */
  #isWhole(response: OriginResponse): boolean {
    if (response.status !== 200) return false;
    try {
      checkResponse(response, this.#request.url, undefined, this.#pin);
      return true;
    } catch {
      return false;
    }
  }

  #wrongLength(found: string): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#request.url, {
      expected: `${this.wantedBytes ?? 'some'} bytes`,
      found,
    });
  }
}

/** Where the body should end: at the end of the requested range, or of the resource. */
function wantedEnd(
  requested: ByteRange | undefined,
  { end, totalBytes }: ContentRange,
  status: number,
): number | undefined {
  return status !== 206 || requested === undefined || totalBytes === undefined
    ? end
    : Math.min(requested.end, totalBytes);
}

function ifRange({ etag, lastModifiedMs }: Validators): string | undefined {
  if (etag !== undefined && !isWeakEtag(etag)) return etag;
  return lastModifiedMs === undefined ? undefined : httpDate(lastModifiedMs);
}
