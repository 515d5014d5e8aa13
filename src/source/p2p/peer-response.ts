/** A body of dfdaemon as the response of a source. One that breaks is not resumed: the caller goes on from the source. */
import { SourceError } from '../errors.js';
import { failureOf } from '../http/http-failure.js';
import type { ExchangeBody } from '../http/exchange-body.js';
import type { HttpAnswer } from '../http/http-engine.js';
import { readAhead } from '../http/read-ahead.js';
import type { ContentRange } from '../http/response-check.js';
import type { Request } from '../request.js';
import { drainWithRest, TooLongError } from './drain-with-rest.js';
import { type BodySink, type BufferProvider, newResponse, type Response } from '../response.js';

/** So long, in all, a reader may hold up dfdaemon. */
const REST_AFTER_MS = 1_000;

/** Another answer of dfdaemon with the same bytes, and where they begin. */
export interface PeerAnswer {
  readonly answer: HttpAnswer;
  readonly contentRange: ContentRange;
}

/** What a body comes to: exactly one of the first three is called. */
export interface PeerOutcome {
  readonly complete: () => void;
  /** The caller needs no more. */
  readonly leave: () => void;
  readonly fail: (reason: 'stall' | 'error', found: string) => void;
  /** The caller found that the bytes are not the source's. */
  readonly mismatch: () => void;
}

/** `reopen` begins with a byte, or one before it; undefined: it was refused, which is reported already. */
export function peerResponse(
  request: Request,
  { answer, contentRange: { start, end = 0 } }: PeerAnswer,
  reopen: (position: number) => Promise<PeerAnswer | undefined>,
  outcome: PeerOutcome,
): Response {
  const { status, header } = answer;
  let body: ExchangeBody = answer.body;
  let [isOver, hasSinkFailed] = [false, false];
  const settle = (report: () => void): void => {
    if (!isOver) report();
    isOver = true;
  };
  const cancel = (): void => {
    settle(outcome.leave);
    body.cancel();
  };
  const reopenBody = async (position: number): Promise<{ start: number; body: ExchangeBody }> => {
    const next = await reopen(position);
    if (next === undefined || isOver) {
      next?.answer.body.cancel();
      isOver = true;
      throw new SourceError('CONNECTION_LOST', 'dfdaemon does not go on', request.url);
    }
    ({ body } = next.answer);
    return { start: next.contentRange.start, body };
  };

  async function drain(sink: BodySink, nextBuffer?: BufferProvider): Promise<void> {
    const noteFailure = (error: unknown): never => {
      hasSinkFailed = true;
      throw error;
    };
    const noted: BodySink = (chunk) => {
      try {
        return sink(chunk)?.catch(noteFailure);
      } catch (error) {
        return noteFailure(error);
      }
    };
    try {
      const given = { start, end, restAfterMs: REST_AFTER_MS, reopen: reopenBody };
      const position = await drainWithRest(body, noted, nextBuffer, given);
      if (position < end) throw new Error('the body ended early');
      settle(outcome.complete);
    } catch (error) {
      if (hasSinkFailed || request.signal?.aborted === true) settle(outcome.leave);
      if (hasSinkFailed) throw error;
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
