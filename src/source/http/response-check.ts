/** Whether a response is what was requested. Nothing of a response that fails here is used. */
import { type ByteRange, parseContentRange } from '../byte-range.js';
import { ChangedError, ProtocolError } from '../errors.js';
import { isWeakEtag, type Validators } from '../request.js';
import type { HeaderFields } from './header-fields.js';
import { httpDate, parseHttpDate } from './http-date.js';
import { isFieldValue } from './format-request.js';

const LAST_MODIFIED_PRECISION_MS = 1_000;
/** As `MAX_ENTITY_TAG_CHARS` of plugins: a tag is kept for each file with metadata. */
const MAX_ETAG_CHARS = 1_024;
const NO_ENTITY_TAG = /^(?:W\/)?(?:"")?$|", /i;
const MAX_DATE_CHARS = 64;

/** What a response brings: bytes `[start, end)` of a resource of `totalBytes`. */
export interface ContentRange {
  readonly start: number;
  /** Undefined: until the body ends. */
  readonly end: number | undefined;
  readonly totalBytes: number | undefined;
}

interface CheckedHead {
  readonly status: number;
  readonly header: HeaderFields;
}

/** Which bytes a 200 or 206 brings (RFC 9110, 15.3.7); throws if they are not what was requested. */
export function contentRangeOf(
  { status, header }: CheckedHead,
  url: URL,
  requested: ByteRange | undefined,
): ContentRange {
  return status === 206 ? checkPartial(header, url, requested) : checkWhole(header, url);
}

/** The validators of a response. */
export function validatorsOf(header: HeaderFields): Validators {
  const value = header.get('etag');
  // One that could not be sent back ties no later response to this one, nor does one that is too long to be kept, an
  // empty one, which stands for none, or the list of several that two header lines make.
  const isUsable =
    value !== null && value.length <= MAX_ETAG_CHARS && isFieldValue(value) && !NO_ENTITY_TAG.test(value);
  const etag = isUsable ? value : undefined;
  const lastModifiedMs = dateOf(header, 'last-modified');
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(Number.isNaN(lastModifiedMs) ? {} : { lastModifiedMs }),
  };
}

/** Whether the resource may have changed since in the same second (RFC 9110, 8.8.2.2). */
export function isLastModifiedWeak(lastModifiedMs: number, header: HeaderFields): boolean {
  const dateMs = dateOf(header, 'date');
  return Math.abs((Number.isNaN(dateMs) ? Date.now() : dateMs) - lastModifiedMs) < LAST_MODIFIED_PRECISION_MS;
}

function dateOf(header: HeaderFields, name: string): number {
  const value = header.get(name) ?? '';
  return value.length > MAX_DATE_CHARS ? Number.NaN : parseHttpDate(value);
}

export function isSameEtag(a: string, b: string): boolean {
  return a.replace(/^W\//i, '') === b.replace(/^W\//i, '');
}

/** Throws if the bytes are not those of the resource. */
export function checkEncoding(header: HeaderFields, url: URL): void {
  const encoding = header.get('content-encoding');
  if (encoding === null || ['', 'identity'].includes(encoding.trim().toLowerCase())) return;
  throw new ProtocolError('the body is encoded', url, {
    expected: 'no Content-Encoding',
    found: `Content-Encoding: ${encoding}`,
  });
}

function checkWhole(header: HeaderFields, url: URL): ContentRange {
  const length = contentLength(header);
  // Some servers answer a range by 200 instead of 206: only a full range is accepted as the whole.
  const value = header.get('content-range');
  const got = value === null ? undefined : parseContentRange(value);
  const isWhole =
    got?.range?.start === 0 &&
    got.range.end === got.totalBytes &&
    got.range.end === (length ?? got.range.end);
  if (value !== null && !isWhole) {
    throw new ProtocolError('the response has a wrong range', url, {
      expected: 'status 206, or the whole',
      found: `status 200, Content-Range: ${value}`,
    });
  }
  return { start: 0, end: length, totalBytes: length };
}

function checkPartial(header: HeaderFields, url: URL, requested: ByteRange | undefined): ContentRange {
  const value = header.get('content-range');
  const got = value === null ? undefined : parseContentRange(value);
  const wrong = (expected: string): ProtocolError =>
    new ProtocolError('the response has a wrong range', url, {
      expected,
      found: `Content-Range: ${value ?? 'none'}, Content-Length: ${header.get('content-length') ?? 'none'}`,
    });
  if (requested === undefined) throw wrong('the whole, as no range was requested');
  if (got?.range === undefined) throw wrong('one Content-Range');
  const { range, totalBytes } = got;
  if (range.start !== requested.start || range.end > requested.end)
    throw wrong(`bytes [${requested.start}, ${requested.end})`);
  const length = contentLength(header);
  if (length !== undefined && length !== range.end - range.start) throw wrong('a length that fits the range');
  return { ...range, totalBytes };
}

/** Throws if a response of `totalBytes` that has the validators `got` is not of the version `pin`. */
export function checkVersion(
  url: URL,
  pin: Validators,
  got: Validators,
  totalBytes: number | undefined,
): void {
  if (!isSameVersion(pin, got)) {
    throw new ChangedError(url, { expected: describe(pin), found: describe(got) });
  }
  checkLength(url, pin, totalBytes);
}

export function checkLength(url: URL, pin: Validators, totalBytes: number | undefined): void {
  if (pin.contentLength === undefined || totalBytes === undefined || pin.contentLength === totalBytes) return;
  const facts = { expected: `${pin.contentLength} bytes`, found: `${totalBytes} bytes` };
  throw new ChangedError(url, facts);
}

/** An `ETag` that names no version, since it cannot be sent back: it is not that of any pin. */
export function refuseUnusableEtag(url: URL, header: HeaderFields, pin: Validators, got: Validators): void {
  const isUnusable = got.etag === undefined && (header.get('etag') ?? '') !== '';
  if (pin.etag === undefined || !isUnusable) return;
  throw new ChangedError(url, { expected: describe(pin), found: 'an ETag that cannot be used' });
}

/**
 * By all validators that both have, of which one must be strong: the same entity tag, or the same time
 * (RFC 9110, 15.3.7.3). Where the pin has nothing strong, the caller compares the bytes.
 */
function isSameVersion(pin: Validators, got: Validators): boolean {
  if (pin.etag !== undefined && got.etag !== undefined) {
    if (!isSameEtag(pin.etag, got.etag)) return false;
    if (!isWeakEtag(pin.etag) && !isWeakEtag(got.etag)) return true;
    if (pin.lastModifiedMs === undefined) return isWeakEtag(pin.etag);
  }
  if (pin.lastModifiedMs !== undefined) return pin.lastModifiedMs === got.lastModifiedMs;
  return pin.etag === undefined;
}

function describe({ etag, lastModifiedMs }: Validators): string {
  const validators = [
    ...(etag === undefined ? [] : [`ETag ${etag}`]),
    ...(lastModifiedMs === undefined ? [] : [`Last-Modified ${httpDate(lastModifiedMs)}`]),
  ];
  return validators.join(', ') || 'neither ETag nor Last-Modified';
}

function contentLength(header: HeaderFields): number | undefined {
  const value = header.get('content-length');
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
