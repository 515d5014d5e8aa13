import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';

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
  /** May be read once. A reader that stops before its end calls `cancel`. */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Instead of `body`: pushes the same bytes into `sink`, and resolves at their end. For clients that read
   * into memory of their own and use it again, which costs no garbage, or straight into what `nextBuffer` returns.
   */
  drain?(sink: BodySink, nextBuffer?: BufferProvider): Promise<void>;
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

/**
 * Takes the next bytes of a body. Their memory is the client's again when it returns or, if it returns a
 * promise, when that is settled; until then nothing more is read. What it throws ends the body, and is what
 * `drain` rejects with.
 */
export type BodySink = (chunk: Uint8Array) => void | Promise<void>;

/**
 * Offers memory for the next bytes of a body, which saves a copy: the chunk that the sink takes then lies at
 * its start. Called whenever the client is about to read; what it offered counts until the next chunk, and
 * no longer than until the body has ended, failed, or been cancelled. Undefined: there is none now.
 */
export type BufferProvider = () => Uint8Array | undefined;

/** Pushes the body of any response into a sink. */
export async function drainBody(
  response: Response,
  sink: BodySink,
  nextBuffer?: BufferProvider,
): Promise<void> {
  if (response.drain !== undefined) {
    await response.drain(sink, nextBuffer);
    return;
  }
  for await (const chunk of response.body) {
    const wait = sink(chunk);
    if (wait !== undefined) await wait;
  }
}

/** What a client may hand over as a body. */
export type BodySource =
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
  readonly drain?: (sink: BodySink, nextBuffer?: BufferProvider) => Promise<void>;
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
  let header: Headers | undefined;
  const headerOf = (): Headers => {
    const { header: given } = options;
    return (header ??= typeof given === 'function' ? given() : new Headers(given));
  };
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    status: options.status ?? 200,
    statusText: options.statusText ?? 'OK',
    get header() {
      return headerOf();
    },
    contentLength: options.contentLength ?? (bytes instanceof Uint8Array ? bytes.byteLength : -1),
    offset: options.offset,
    body: toAsyncIterable(bytes),
    ...(options.drain === undefined ? {} : { drain: options.drain }),
    temporary: options.temporary ?? true,
    expireInfo: () => expireInfoOf(headerOf()),
    validate: options.validate ?? (() => undefined),
    ...(options.refuse === undefined ? {} : { refuse: options.refuse }),
    cancel: options.cancel ?? (() => cancelBody(bytes)),
  };
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

async function* toAsyncIterable(body: Exclude<BodySource, string>): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    if (body.byteLength > 0) yield body;
    return;
  }
  yield* body;
}

function cancelBody(body: Exclude<BodySource, string>): void {
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
