/**
 * A source over HTTP: how the resources of a scheme are read from an origin. `createHttpResource` makes the methods of
 * a `ResourceClient` of it (all but `list`), with the checks, retries, resumption and deadlines that every source has.
 */
import type { ByteRange } from '../byte-range.js';
import type { ContentDigest } from '../content-digest.js';
import type { Metadata } from '../metadata.js';
import type { Request, Validators } from '../request.js';
import type { HttpAnswer, HttpCaller, HttpProfile } from './http-engine.js';
import type { LowSpeedLimit } from './low-speed-limit.js';
import type { ContentRange } from './response-check.js';

/** Where a resource is read. */
export interface HttpTarget extends HttpProfile {
  /** What is sent, encoded as on the wire. */
  readonly url: URL;
  /** Names in lower case. */
  readonly header?: Readonly<Record<string, string>>;
}

/** `header`: what came with the request, Dragonfly's names of settings among it; nothing of it is sent by itself. */
export type TargetRequest = HttpCaller & Pick<Request, 'header' | 'hasHeader'>;

export interface HttpDialect {
  /** Where the resource is read; for a pinned request, the version of the pin. */
  targetOf(request: TargetRequest): HttpTarget | Promise<HttpTarget>;
  /**
   * Reads the range of a request, or the whole, where that takes other requests than one to the target. `resumed`: of the download
   * that it goes on with. Default: one to the target.
   */
  open?(request: Request, resumed: LowSpeedLimit | undefined): Promise<HttpAnswer>;
  /** How a range of a version is requested. Default: `Range`, with `If-Match` or `If-Unmodified-Since` if pinned. */
  rangeRequest?(range: ByteRange, pin: Validators | undefined): RangeRequest;
  /** What an answer holds of the resource. Default: RFC 9110, 14. `requested`: undefined for the whole. */
  deliveryOf?(answer: HttpAnswer, requested: ByteRange | undefined): ContentRange;
  /**
   * Of which version an answer is. Default: its `ETag` and `Last-Modified`. A pin is compared with what is here. A source
   * whose URLs name a version returns neither: then only the length is compared, and a body resumes without a condition.
   */
  validatorsOf?(answer: HttpAnswer): Validators;
  /**
   * The URL of a version names it, and `validatorsOf` returns neither. A cluster of Dragonfly gets the URL that it leads to,
   * without a condition.
   */
  readonly namesVersion?: boolean;
  /** How the rest of a body that broke is requested. Default: `if-range`; `if-match`: 412 is CHANGED. */
  readonly resumesBy?: 'if-range' | 'if-match';
  /** Whether a Content-Encoding is a fact of the stored bytes, which come as they are. Default: false, it is refused. */
  readonly acceptsEncoded?: boolean;
  /** Whether a 200 with a `Content-Range` is a 206. Default: false, it is refused unless its range is the whole. */
  readonly isPartBy200?: boolean;
  /** Of the whole resource, where the answer gives one. */
  digestOf?(answer: HttpAnswer): ContentDigest | undefined;
  /** Sees the metadata that the answer gives, and may know better: a size, a tag, a digest of the first hop. */
  metadataOf?(answer: HttpAnswer, metadata: Metadata): Metadata;
}

/** `query`: parameters to add to the URL, where a range is no header. */
export interface RangeRequest {
  readonly header: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly expectedBytes?: number;
}
