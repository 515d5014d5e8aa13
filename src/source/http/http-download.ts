/**
 * A body that delivers exactly what was promised. A connection that breaks is taken up again where it
 * stopped (Range with If-Range), as often as `retries` says without much progress in between; what follows
 * must be of the same version. A body that is longer or shorter than promised is an error, never data.
 */
import { type BodyReader, type BodyTarget, bytesOf } from '../body-target.js';
import { type ByteRange, formatRangeHeader, parseContentRange } from '../byte-range.js';
import { uidOf, withUid } from '../caller-uid.js';
import {
  ChangedError,
  InterruptedError,
  IsDirectoryError,
  ProtocolError,
  type SourceError,
} from '../errors.js';
import { isWeakEtag, type Request, type Validators } from '../request.js';
import { newResponse, type Response } from '../response.js';
import { partOf } from '../target-cursor.js';
import type { DialectReader } from './dialect-reader.js';
import type { HttpAnswer } from './http-engine.js';
import type { RangeRequest } from './http-resource.js';
import { type ContentRange, isLastModifiedWeak } from './response-check.js';
import { httpDate } from './http-date.js';
import { failureOf, isRetryable } from './http-failure.js';

/** Less than this is no progress: a body that breaks after each byte would take that many requests. */
const MIN_PROGRESS_BYTES = 1024;

/** Makes the response of a source of a checked response of HTTP. */
export function toResponse(
  reader: DialectReader,
  request: Request,
  answer: HttpAnswer,
  contentRange: ContentRange,
): Response {
  const download = new HttpDownload(reader, request, answer, contentRange);
  return newResponse(download, {
    status: answer.status,
    header: () => headerOf(reader, answer),
    offset: contentRange.start,
    contentLength: download.wantedBytes ?? -1,
    digest: reader.dialect.digestOf?.(answer),
    cancel: () => download.cancel(),
  });
}

/** Without the validators of a storage that knows nothing of the version in the URL. */
function headerOf(reader: DialectReader, answer: HttpAnswer): Headers {
  const header = answer.header.toHeaders();
  if (!reader.hasVersionInUrl(answer)) return header;
  for (const name of ['etag', 'last-modified', 'expires']) header.delete(name);
  return header;
}

class HttpDownload implements BodyReader {
  readonly wantedBytes: number | undefined;
  readonly #reader: DialectReader;
  readonly #request: Request;
  /** Of the whole, once a response has named it. */
  #totalBytes: number | undefined;
  /** Its validators are parsed only when the download breaks. */
  readonly #first: HttpAnswer;
  #end: number | undefined;
  #response: HttpAnswer;
  #position: number;
  #responseEnd: number | undefined;
  /** In a row, without much progress in between. */
  #failures = 0;
  #progressedFrom: number;
  #isCancelled = false;
  #isOver = false;
  #failure: unknown;
  /** Ends the request for the rest of a body that broke. */
  #resuming: AbortController | undefined;

  constructor(reader: DialectReader, request: Request, answer: HttpAnswer, contentRange: ContentRange) {
    this.#reader = reader;
    this.#request = request;
    this.#first = answer;
    this.#response = answer;
    this.#position = contentRange.start;
    this.#progressedFrom = contentRange.start;
    this.#responseEnd = contentRange.end;
    this.#end = wantedEnd(request.range, contentRange, answer.status);
    this.wantedBytes = this.#end === undefined ? undefined : this.#end - contentRange.start;
    this.#totalBytes = contentRange.totalBytes;
  }

  /** What the rest must belong to. A weak time does not identify a version. */
  get #pin(): Validators {
    const { etag, lastModifiedMs } = this.#reader.validatorsOf(this.#first);
    const isWeak = lastModifiedMs !== undefined && isLastModifiedWeak(lastModifiedMs, this.#first.header);
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

  async read(target: BodyTarget): Promise<number> {
    if (this.#isOver) return 0;
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return await this.#read(target);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async #read(target: BodyTarget): Promise<number> {
    const from = this.#position;
    const wantedBytes = bytesOf(target.pieces);
    const minBytes = target.minBytes ?? wantedBytes;
    for (;;) {
      const failure = await this.#readResponse(target, from, wantedBytes);
      const bytes = this.#position - from;
      if (failure === undefined && bytes >= minBytes) return bytes;
      this.#isOver = failure === undefined && this.#isAtEnd();
      // A shorter range than the requested one is legal: another request continues it.
      if (this.#isOver) return bytes;
      const progressBytes = this.#position - this.#progressedFrom;
      this.#progressedFrom = this.#position;
      this.#failures = progressBytes >= MIN_PROGRESS_BYTES ? 0 : this.#failures + 1;
      const isLate = this.#response.lowSpeedLimit.leftMs === 0;
      if (isLate || this.#failures > this.#reader.engine.retries)
        throw failure ?? this.#wrongLength('no more');
      await this.#resume(failure);
      this.#isOver = this.#end !== undefined && this.#position >= this.#end;
      if (this.#isOver) return this.#position - from;
    }
  }

  /** Of a response that ended. Where no length is known the end of a 200 is that of the body; that of a part is not. */
  #isAtEnd(): boolean {
    if (this.#end !== undefined) return this.#position >= this.#end;
    if (this.#response.status === 206) throw this.#wrongLength('a part of a whole of unknown length');
    return true;
  }

  /** Returns a retryable failure; throws any other. */
  async #readResponse(
    target: BodyTarget,
    from: number,
    wantedBytes: number,
  ): Promise<SourceError | undefined> {
    const before = this.#position;
    const leftBytes = (this.#responseEnd ?? Infinity) - before;
    const maxBytes = Math.min(from + wantedBytes - before, leftBytes);
    try {
      if (maxBytes > 0) {
        const part = partOf(target, before - from, maxBytes);
        const onBytes = (bytes: number): void => {
          this.#position = before + bytes;
          part.onBytes?.(bytes);
        };
        const bytes = await this.#response.body.read({ ...part, onBytes });
        if (bytes < Math.min(maxBytes, part.minBytes ?? Infinity) && this.#responseEnd !== undefined)
          throw new Error('the body ended early');
      }
      if (this.#position === this.#responseEnd) await this.#readEnd();
      return undefined;
    } catch (error) {
      const failure = failureOf(error, this.#request.url, this.#request.signal);
      if (this.#isCancelled || !isRetryable(failure)) throw failure;
      return failure;
    }
  }

  /** More than was promised is no content. */
  async #readEnd(): Promise<void> {
    const more = await this.#response.body.read({ pieces: [new Uint8Array(1)] });
    if (more > 0) throw this.#wrongLength('more');
  }

  async #resume(failure: unknown): Promise<void> {
    const range = { start: this.#position, end: this.#end ?? Infinity };
    const rest = this.#restRequest(range);
    if (rest === undefined || (this.#end === undefined && this.#position === 0)) {
      throw failure ?? this.#wrongLength('no validator to go on with');
    }
    const response = await this.#sendForRest(range, rest);
    if (response.status !== 206 && this.#reader.dialect.deliveryOf === undefined) {
      response.body.cancel();
      if (this.#isNothingLeft(response)) {
        this.#end = this.#position;
        return;
      }
      if (this.#isWhole(response) && failure instanceof Error) throw failure;
      throw this.#changed(`status ${response.status}`);
    }
    this.#response = response;
    const pin = this.#pinOfRest(response);
    const { start, end, totalBytes } = this.#reader.check(response, { url: this.#request.url, range, pin });
    if (start !== range.start) {
      response.body.cancel();
      throw this.#changed(`bytes from ${start} on`);
    }
    this.#responseEnd = end;
    this.#totalBytes ??= totalBytes;
    // The first response was a 200 without a length.
    this.#end ??= totalBytes;
  }

  /** How the rest is requested, of the same version; undefined: nothing identifies it. */
  #restRequest(range: ByteRange): RangeRequest | undefined {
    const { dialect } = this.#reader;
    if (this.#reader.hasVersionInUrl(this.#first)) return this.#reader.rangeRequest(range, undefined);
    const condition = this.#condition;
    if (condition === undefined) return undefined;
    if (dialect.resumesBy === 'if-match') return this.#reader.rangeRequest(range, this.#pin);
    return { header: { range: formatRangeHeader(range), 'if-range': condition } };
  }

  async #sendForRest(range: ByteRange, rest: RangeRequest): Promise<HttpAnswer> {
    this.#resuming = new AbortController();
    const { signal } = this.#request;
    const own = this.#resuming.signal;
    const request = this.#request.with({
      range,
      signal: signal === undefined ? own : withUid(AbortSignal.any([signal, own]), uidOf(signal)),
    });
    const { lowSpeedLimit } = this.#response;
    const { engine } = this.#reader;
    const beganMs = engine.now();
    const response = await this.#reader
      .send(request, { ...rest, expectedBytes: expectedBytesOf(request) }, [200, 206, 416], lowSpeedLimit)
      .catch((error: unknown) => {
        throw error instanceof IsDirectoryError ? this.#changed('a directory') : error;
      });
    lowSpeedLimit.noteWait(engine.now() - beganMs);
    if (!this.#isCancelled) return response;
    response.body.cancel();
    throw new InterruptedError(this.#request.url);
  }

  /** What identifies the version in a condition; undefined: nothing does. */
  get #condition(): string | undefined {
    const { etag, lastModifiedMs } = this.#pin;
    if (etag !== undefined && !isWeakEtag(etag)) return etag;
    return lastModifiedMs === undefined ? undefined : httpDate(lastModifiedMs);
  }

  /** The condition held, and a response to it need not repeat the time (RFC 9110, 15.3.7). */
  #pinOfRest(response: HttpAnswer): Validators {
    const { lastModifiedMs: _, ...timeless } = this.#pin;
    const isRepeated = this.#reader.validatorsOf(response).lastModifiedMs !== undefined;
    const isByTime = this.#condition !== timeless.etag;
    return isByTime && !isRepeated ? timeless : this.#pin;
  }

  /** A 416 that names our position as the length: what broke had all of the body, and only its end was missing. */
  #isNothingLeft(response: HttpAnswer): boolean {
    const { status, header } = response;
    if (status !== 416 || this.#end !== undefined) return false;
    const { etag } = this.#reader.validatorsOf(response);
    const isOther = etag !== undefined && etag !== this.#pin.etag;
    return !isOther && parseContentRange(header.get('content-range') ?? '')?.totalBytes === this.#position;
  }

  /** A 200 with our validators: the source supports no ranges. */
  #isWhole(response: HttpAnswer): boolean {
    if (response.status !== 200) return false;
    try {
      this.#reader.check(response, { url: this.#request.url, range: undefined, pin: this.#pin });
      return true;
    } catch {
      return false;
    }
  }

  #changed(found: string): ChangedError {
    return new ChangedError(this.#request.url, { expected: 'the rest of the body', found });
  }

  #wrongLength(found: string): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#request.url, {
      expected: `${this.wantedBytes ?? 'some'} bytes`,
      found,
    });
  }
}

/** How long the body of a download may be; Infinity: it is not known. */
export function expectedBytesOf({ range, pin }: Pick<Request, 'range' | 'pin'>): number {
  return Math.min(range?.end ?? Infinity, pin?.contentLength ?? Infinity) - (range?.start ?? 0);
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
