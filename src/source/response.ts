import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';

import { bodyChunks } from './body-chunks.js';
import type { BodyReader, BodyTarget } from './body-target.js';
import { IterableBody } from './iterable-body.js';
import type { ContentDigest } from './content-digest.js';

/** The freshness facts of a response, as text in the source's own format (pkg/source/header.go). */
export interface ExpireInfo {
  readonly expire?: string;
  readonly lastModified?: string;
  readonly etag?: string;
}

/** One response of a source, as in Dragonfly's `source.Response` (pkg/source/response.go). */
export interface Response {
  readonly status: number;
  readonly statusText: string;
  readonly header: Headers;
  /** Bytes in `body`, or -1 when the source does not say. */
  readonly contentLength: number;
  /**
   * The position in the resource of the body's first byte. Undefined: the start of the range that was
   * requested if the client supports ranges, else 0.
   */
  readonly offset: number | undefined;
  /** Of all bytes of the resource, where the response gives one. */
  readonly digest?: ContentDigest | undefined;
  /** May be read once. A reader that stops before its end calls `cancel`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Instead of `body`: reads it into memory of the reader, as `BodyReader` says. */
  read?(target: BodyTarget): Promise<number>;
  /** Whether a failure of this response is retryable. */
  readonly temporary: boolean;
  expireInfo(): ExpireInfo;
  /** Throws when the response as a whole cannot be used. */
  validate(): void;
  /** Of `downloadShared`: the bytes were not those of the source, or came too slowly for their reader. */
  refuse?(reason: 'mismatch' | 'stall'): void;
  /** Releases the connection without reading the rest. May be called at any time, any number of times. */
  cancel(): void;
}

/** What a client may hand over as a body. */
export type BodySource =
  | BodyReader
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>
  | ReadableStream<Uint8Array>
  | Uint8Array
  | string;

export interface ResponseOptions {
  readonly status?: number;
  readonly statusText?: string;
  /** A function is called when the header is first used. */
  readonly header?: Headers | Record<string, string> | (() => Headers);
  readonly contentLength?: number;
  readonly offset?: number;
  readonly digest?: ContentDigest | undefined;
  readonly temporary?: boolean;
  readonly validate?: () => void;
  readonly refuse?: NonNullable<Response['refuse']>;
  readonly cancel?: () => void;
}

/**
 * Builds a response with Dragonfly's defaults (`NewResponse`): 200 OK, temporary, always valid, and the
 * content length unknown, except for a body that is already in memory.
 */
export function newResponse(body: BodySource, options: ResponseOptions = {}): Response {
  return new SourceResponse(typeof body === 'string' ? Buffer.from(body) : body, options);
}

/** A class: V8 gives each literal with a getter a hidden class of its own, which outlives it until the next major collection. */
class SourceResponse implements Response {
  readonly status: number;
  readonly statusText: string;
  readonly contentLength: number;
  readonly offset: number | undefined;
  readonly digest: ContentDigest | undefined;
  readonly temporary: boolean;
  readonly validate: () => void;
  readonly refuse?: NonNullable<Response['refuse']>;
  readonly #reader: BodyReader;
  readonly #cancel: () => void;
  readonly #given: ResponseOptions['header'];
  #header: Headers | undefined;
  #chunks: AsyncIterable<Uint8Array> | undefined;

  constructor(body: Exclude<BodySource, string>, options: ResponseOptions) {
    this.status = options.status ?? 200;
    this.statusText = options.statusText ?? 'OK';
    this.contentLength = options.contentLength ?? (body instanceof Uint8Array ? body.byteLength : -1);
    this.offset = options.offset;
    this.digest = options.digest;
    this.temporary = options.temporary ?? true;
    this.validate = options.validate ?? (() => undefined);
    if (options.refuse !== undefined) this.refuse = options.refuse;
    if (isReader(body)) {
      this.#reader = body;
      this.#cancel = options.cancel ?? (() => undefined);
    } else {
      this.#chunks = toAsyncIterable(body);
      this.#reader = new IterableBody(this.#chunks);
      this.#cancel = options.cancel ?? (() => cancelBody(body));
    }
    this.#given = options.header;
  }

  get header(): Headers {
    const given = this.#given;
    return (this.#header ??= typeof given === 'function' ? given() : new Headers(given));
  }

  get body(): AsyncIterable<Uint8Array> {
    return (this.#chunks ??= bodyChunks(this.#reader, this.#cancel));
  }

  read(target: BodyTarget): Promise<number> {
    return this.#reader.read(target);
  }

  expireInfo(): ExpireInfo {
    return expireInfoOf(this.header);
  }

  cancel(): void {
    if (this.#reader instanceof IterableBody) this.#reader.fail(new Error('the response was cancelled'));
    this.#cancel();
  }
}

/** The `Expires`, `Last-Modified` and `ETag` of a header. */
export function expireInfoOf(header: Headers): ExpireInfo {
  const expire = header.get('expires');
  const lastModified = header.get('last-modified');
  const etag = header.get('etag');
  return {
    ...(expire === null ? {} : { expire }),
    ...(lastModified === null ? {} : { lastModified }),
    ...(etag === null ? {} : { etag }),
  };
}

type Chunks = Exclude<BodySource, string | BodyReader>;

/** A stream of Node has a `read` of another kind. */
function isReader(body: Chunks | BodyReader): body is BodyReader {
  return !(Symbol.asyncIterator in body) && !(Symbol.iterator in body);
}

async function* toAsyncIterable(body: Chunks): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    if (body.byteLength > 0) yield body;
    return;
  }
  yield* body;
}

function cancelBody(body: Chunks): void {
  if (body instanceof Uint8Array) return;
  if (body instanceof Readable) {
    // Errors after this are ignored.
    body.on('error', () => undefined).destroy();
  } else if (body instanceof ReadableStream) {
    if (!body.locked) body.cancel().catch(() => undefined);
  } else if ('return' in body && typeof body.return === 'function') {
    Promise.resolve(body.return(undefined)).catch(() => undefined);
  }
}
