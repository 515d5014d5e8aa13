import { ChangedError, ClientFaultError, ProtocolError } from '../errors.js';
import type { Request } from '../request.js';
import { OFFSET_HEADER } from './protocol.js';
import type { KnownResource } from './resource-call.js';

/** What the head of a download's answer says, checked against what was asked and what is known. */
export interface AnswerFacts {
  readonly header: Headers;
  /** Undefined: the plugin does not say, and nothing is known of the resource. */
  readonly offset: number | undefined;
  /** How long the body has to be; undefined: as long as it is. */
  readonly lengthBytes: number | undefined;
}

export function checkAnswer(
  headers: Record<string, string | string[] | undefined>,
  request: Request,
  known: KnownResource | undefined,
): AnswerFacts {
  const header = toHeaders(headers);
  checkVersion(header, request);
  const { url, range } = request;
  const start = range?.start ?? 0;
  const total = known === undefined || known.contentLength < 0 ? undefined : known.contentLength;
  const offset = offsetOf(header, url) ?? defaultOffset(start, known);
  const declared = declaredLength(header, url);
  const isRanged = range !== undefined && known?.supportRange === true;
  const wantedEnd = isRanged ? Math.min(range.end, total ?? Infinity) : (total ?? Infinity);
  const wanted = wantedEnd === Infinity || offset === undefined ? undefined : Math.max(0, wantedEnd - offset);
  // A range past an end that nobody knows is answered by less.
  const isExact = wanted !== undefined && total !== undefined;
  if (declared !== undefined && wanted !== undefined && (isExact ? declared !== wanted : declared > wanted)) {
    throw new ProtocolError('the body has a wrong length', url, {
      expected: `${wanted} bytes`,
      found: `${declared} bytes`,
    });
  }
  header.delete(OFFSET_HEADER);
  return { header, offset, lengthBytes: declared ?? (isExact ? wanted : undefined) };
}

/** A plugin need not look at the pin, if its answers tell their version. */
function checkVersion(header: Headers, { url, pin }: Request): void {
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

function offsetOf(header: Headers, url: URL): number | undefined {
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

function declaredLength(header: Headers, url: URL): number | undefined {
  const length = header.get('content-length');
  if (length !== null) return Number(length);
  // Another coding lets the body end with the connection, which a plugin that dies ends too.
  if (/(?:^|[\s,])chunked$/i.test(header.get('transfer-encoding') ?? '')) return undefined;
  throw new ClientFaultError('plugin', url, {
    expected: 'Content-Length, or the chunked coding',
    found: 'a body that ends anywhere',
  });
}

function toHeaders(headers: Record<string, string | string[] | undefined>): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) result.append(name, one);
    }
  }
  return result;
}
