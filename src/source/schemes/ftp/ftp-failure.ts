/** What ended an operation, as an error of the source. */
import { InterruptedError, NotFoundError, ProtocolError, SourceError, TimeoutError } from '../../errors.js';
import { failureOf as failureOfConnection } from '../../http/http-failure.js';
import { ListingTooLong } from '../../listing-limits.js';
import { RefusedReply } from './ftp-reply.js';
import { MalformedReply } from './passive.js';

export function failureOf(error: unknown, url: URL, signal?: AbortSignal): SourceError {
  if (signal?.aborted === true) return new InterruptedError(url, signal.reason);
  if (error instanceof RefusedReply) return error.failure(url);
  // A session names its server.
  if (error instanceof NotFoundError && error.url !== url.href) return new NotFoundError(url);
  if (error instanceof SourceError) return error;
  if (error instanceof MalformedReply) {
    const facts = { expected: error.expected, found: 'another one', cause: error };
    return new ProtocolError('the reply is malformed', url, facts);
  }
  if (error instanceof ListingTooLong) {
    return new ProtocolError('the listing is too long', url, {
      expected: `at most ${error.expected}`,
      found: 'more',
    });
  }
  // Of a signal that has a deadline.
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) {
    return new TimeoutError(url, {
      expected: 'a connection',
      found: 'none within the deadline',
      cause: error,
    });
  }
  return failureOfConnection(error, url, undefined);
}
