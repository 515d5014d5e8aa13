import { ChangedError, ClientFaultError, ProtocolError } from '../errors.js';
import type { HeaderFields } from '../http/header-fields.js';
import type { Metadata } from '../metadata.js';
import type { Request } from '../request.js';
import { OFFSET_HEADER } from './protocol.js';

/** The last metadata of a URL, by which its downloads are checked. */
export type KnownResource = Pick<Metadata, 'contentLength' | 'supportRange'>;

/** The head of a download's response, checked against the request and the metadata. */
export interface ResponseFacts {
  readonly header: HeaderFields;
  /** Undefined: the plugin does not report it, and there is no metadata. */
  readonly offset: number | undefined;
  /** How long the body has to be; undefined: as long as it is. */
  readonly lengthBytes: number | undefined;
}

export function checkResponse(
  header: HeaderFields,
  request: Request,
  known: KnownResource | undefined,
): ResponseFacts {
  checkVersion(header, request);
  const { url, range } = request;
  const start = range?.start ?? 0;
  const total = known === undefined || known.contentLength < 0 ? undefined : known.contentLength;
  const offset = offsetOf(header, url) ?? defaultOffset(start, known);
  const declared = declaredLength(header, url);
  const isRanged = range !== undefined && known?.supportRange === true;
  const wantedEnd = isRanged ? Math.min(range.end, total ?? Infinity) : (total ?? Infinity);
  const wanted = wantedEnd === Infinity || offset === undefined ? undefined : Math.max(0, wantedEnd - offset);
  // A range may reach past an unknown end.
  const isExact = wanted !== undefined && total !== undefined;
  if (declared !== undefined && wanted !== undefined && (isExact ? declared !== wanted : declared > wanted)) {
    throw new ProtocolError('the body has a wrong length', url, {
      expected: `${wanted} bytes`,
      found: `${declared} bytes`,
    });
  }
  return { header, offset, lengthBytes: declared ?? (isExact ? wanted : undefined) };
}

/** A plugin need not look at the pin, if its responses name their version. */
function checkVersion(header: HeaderFields, { url, pin }: Request): void {
  const etag = header.get('etag');
  const time = Date.parse(header.get('last-modified') ?? '');
  const isOtherTag = pin?.etag !== undefined && etag !== null && etag !== pin.etag;
  const isOtherTime =
    pin?.lastModifiedMs !== undefined &&
    !Number.isNaN(time) &&
    Math.floor(time / 1000) !== Math.floor(pin.lastModifiedMs / 1000);
  if (!isOtherTag && !isOtherTime) return;
  throw new ChangedError(url, {
    expected: pin.etag ?? `time ${pin.lastModifiedMs}`,
    found: etag ?? `time ${time}`,
  });
}

function offsetOf(header: HeaderFields, url: URL): number | undefined {
  const said = header.get(OFFSET_HEADER);
  if (said === null) return undefined;
  if (/^\d{1,15}$/.test(said)) return Number(said);
  throw new ClientFaultError('plugin', url, { expected: `${OFFSET_HEADER}: a number`, found: said });
}

/** The contract of `Response.offset`: the start of the range where ranges are supported, else 0. */
function defaultOffset(start: number, known: KnownResource | undefined): number | undefined {
  if (start === 0) return 0;
  if (known === undefined) return undefined;
  return known.supportRange ? start : 0;
}

function declaredLength(header: HeaderFields, url: URL): number | undefined {
  const length = header.get('content-length');
  if (length !== null) return Number(length);
  // Any other coding is malformed. Without one, the end of the plugin would be that of the body.
  if (header.get('transfer-encoding') !== null) return undefined;
  throw new ClientFaultError('plugin', url, {
    expected: 'Content-Length, or the chunked coding',
    found: 'a body that ends anywhere',
  });
}
