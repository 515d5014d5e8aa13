/** A body of dfdaemon as the response of a source. It is not resumed: the caller goes on from the source. */
import { SourceError } from '../errors.js';
import { failureOf } from '../http/http-failure.js';
import type { HttpAnswer } from '../http/http-engine.js';
import { readAhead } from '../http/read-ahead.js';
import type { ContentRange } from '../http/response-check.js';
import type { Request } from '../request.js';
import { type BodySink, type BufferProvider, newResponse, type Response } from '../response.js';

/** What a body comes to: exactly one of the first three is called. */
export interface PeerOutcome {
  readonly complete: () => void;
  /** The caller needs no more. */
  readonly leave: () => void;
  readonly fail: (reason: 'stall' | 'error', found: string) => void;
  /** The caller found that the bytes are not the source's. */
  readonly mismatch: () => void;
}

export function peerResponse(
  request: Request,
  { status, header, body }: HttpAnswer,
  { start, end = 0 }: ContentRange,
  outcome: PeerOutcome,
): Response {
  let isOver = false;
  const settle = (report: () => void): void => {
    if (!isOver) report();
    isOver = true;
  };
  const cancel = (): void => {
    settle(outcome.leave);
    body.cancel();
  };

  async function drain(sink: BodySink, nextBuffer?: BufferProvider): Promise<void> {
    let position = start;
    try {
      await body.drain((chunk) => {
        position += chunk.byteLength;
        if (position > end) throw new TooLongError();
        return sink(chunk);
      }, nextBuffer);
      if (position < end) throw new Error('the body ended early');
      settle(outcome.complete);
    } catch (error) {
      const isOurs = body.hasSinkFailed && !(error instanceof TooLongError);
      if (isOurs || request.signal?.aborted === true) settle(outcome.leave);
      if (isOurs) throw error;
      const failure =
        error instanceof TooLongError
          ? new SourceError('PROTOCOL', 'the body is too long', request.url)
          : failureOf(error, request.url, request.signal);
      const reason = failure.code === 'TIMEOUT' ? 'stall' : 'error';
      settle(() => outcome.fail(reason, failure.found ?? failure.message));
      throw failure;
    }
  }

  return newResponse(readAhead(drain, cancel), {
    status,
    header: () => header.toHeaders(),
    offset: start,
    contentLength: end - start,
    drain,
    refuse: (reason) => {
      if (reason === 'stall') settle(() => outcome.fail('stall', 'a body that its reader waits for'));
      else outcome.mismatch();
    },
    cancel,
  });
}

/** More came than was announced. */
class TooLongError extends Error {}
