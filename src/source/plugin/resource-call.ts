import type { Metadata } from '../metadata.js';
import type { Request } from '../request.js';
import type { ResourceCall } from './protocol.js';

/** What the last metadata of a URL said, by which its downloads are checked. */
export type KnownResource = Pick<Metadata, 'contentLength' | 'supportRange'>;

/** A request as the protocol carries it. */
export function callOf({ url, header, range, pin }: Request): ResourceCall {
  return {
    url: url.href,
    header: Object.fromEntries(header),
    ...(pin === undefined ? {} : { pin }),
    ...(range === undefined
      ? {}
      : { range: { start: range.start, end: range.end === Infinity ? null : range.end } }),
  };
}
