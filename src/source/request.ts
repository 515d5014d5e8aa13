import { type ByteRange, parseDragonflyRange } from './byte-range.js';
import type { Promotion } from './promotion.js';

/** The header that carries a range in Dragonfly: `start-last`, without `bytes=` (pkg/source/header.go). */
export const DRAGONFLY_RANGE_HEADER = 'X-Dragonfly-Range';

/** What identifies one version of a resource. Fields that the source does not report are absent. */
export interface Validators {
  /** The entity tag as sent, with its quotes and its `W/` if it is weak. */
  readonly etag?: string;
  /** Milliseconds since the epoch. */
  readonly lastModifiedMs?: number;
  readonly contentLength?: number;
}

/**
 * Equal weak tags do not say that all bytes are equal (RFC 9110, 8.8.1). A tag without quotes, which is none by RFC 9110,
 * 8.8.3, is strong: some object stores send it, and it is compared and sent back as it came.
 */
export function isWeakEtag(etag: string): boolean {
  return /^w\//i.test(etag);
}

/** Whether a caller waits for the response, or it is a prefetch. */
export type RequestPriority = 'foreground' | 'background';

export interface RequestOptions {
  readonly header?: Headers | Record<string, string>;
  /** The requested bytes; absent: the whole resource. */
  readonly range?: ByteRange;
  /** The version that the response must belong to. A client that gets another one throws `ChangedError`. */
  readonly pin?: Validators;
  /** Fires when the caller no longer wants the response. */
  readonly signal?: AbortSignal;
  /** Which of the requests that wait for a connection go first. Default: foreground. */
  readonly priority?: RequestPriority;
  /** Brings a request that waits in the background to the foreground. */
  readonly promotion?: Promotion;
  /** The mode that a listing shows: a source whose metadata costs another request for it returns this one. */
  readonly listedMode?: number;
}

/** One request to a source, as in Dragonfly's `source.Request` (pkg/source/request.go). Immutable. */
export class Request {
  readonly url: URL;
  readonly range: ByteRange | undefined;
  readonly pin: Validators | undefined;
  readonly signal: AbortSignal | undefined;
  readonly priority: RequestPriority;
  readonly promotion: Promotion | undefined;
  readonly listedMode: number | undefined;
  #header: Headers | undefined;

  constructor(url: URL | string, options: RequestOptions = {}) {
    this.url = new URL(url);
    this.#header = options.header === undefined ? undefined : new Headers(options.header);
    this.range = options.range ?? this.#dragonflyRange();
    this.pin = options.pin;
    this.signal = options.signal;
    this.priority = options.priority ?? 'foreground';
    this.promotion = options.promotion;
    this.listedMode = options.listedMode;
  }

  get header(): Headers {
    return (this.#header ??= new Headers());
  }

  /** False: `header` is empty, and not worth making. */
  get hasHeader(): boolean {
    return this.#header !== undefined;
  }

  #dragonflyRange(): ByteRange | undefined {
    const range = this.hasHeader ? this.header.get(DRAGONFLY_RANGE_HEADER) : null;
    return range === null ? undefined : parseDragonflyRange(range);
  }

  /** A copy with some parts replaced; URL and header are not shared with the original. */
  with(changes: RequestOptions & { readonly url?: URL | string }): Request {
    const options: RequestOptions = {
      ...(this.hasHeader ? { header: this.header } : {}),
      priority: this.priority,
      ...(this.range === undefined ? {} : { range: this.range }),
      ...(this.pin === undefined ? {} : { pin: this.pin }),
      ...(this.signal === undefined ? {} : { signal: this.signal }),
      ...(this.promotion === undefined ? {} : { promotion: this.promotion }),
      ...(this.listedMode === undefined ? {} : { listedMode: this.listedMode }),
    };
    return new Request(changes.url ?? this.url, { ...options, ...changes });
  }
}
