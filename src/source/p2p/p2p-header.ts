import { type ByteRange, formatRangeHeader } from '../byte-range.js';
import { httpDate } from '../http/http-date.js';
import { isWeakEtag, type RequestPriority, type Validators } from '../request.js';

/** Labels in the metrics of dfdaemon: never a path or a version. */
const LABEL = 'd7y-mount';
const PRIORITIES: Readonly<Record<RequestPriority, string>> = { foreground: '6', background: '3' };

export interface P2pHeaderFacts {
  /** `taskIdentity`. */
  readonly identity: string;
  readonly priority: RequestPriority;
  /** Undefined: the whole. */
  readonly range: ByteRange | undefined;
  /** What the source is to compare, whichever node sends the request. Undefined: the URL names the version. */
  readonly pin: Validators | undefined;
}

/** What a request to dfdaemon has beside the header of its source; names in lower case. All of it reaches the source. */
export function p2pHeader({ identity, priority, range, pin }: P2pHeaderFacts): Record<string, string> {
  return {
    'x-dragonfly-use-p2p': 'true',
    'x-dragonfly-tag': LABEL,
    'x-dragonfly-application': LABEL,
    'x-dragonfly-priority': PRIORITIES[priority],
    'x-dragonfly-content-for-calculating-task-id': identity,
    'accept-encoding': 'identity',
    ...(pin && preconditionOf(pin)),
    // All nodes fetch the whole task then: pieces of other ranges would be waited for in vain.
    ...(range && { range: formatRangeHeader(range), 'x-dragonfly-prefetch': 'true' }),
  };
}

/** Undefined: nothing identifies a version. */
export function preconditionOf({ etag, lastModifiedMs }: Validators): Record<string, string> | undefined {
  if (etag !== undefined && !isWeakEtag(etag)) return { 'if-match': etag };
  return lastModifiedMs === undefined ? undefined : { 'if-unmodified-since': httpDate(lastModifiedMs) };
}

/** What no version fits. */
export function bogusPrecondition({ etag }: Validators): Record<string, string> {
  return etag !== undefined && !isWeakEtag(etag)
    ? { 'if-match': '"d7y-mount-tests-preconditions"' }
    : { 'if-unmodified-since': httpDate(0) };
}
