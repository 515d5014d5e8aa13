/** A body of dfdaemon as the response of a source. One that breaks is not resumed: the caller goes on from the source. */
import { type BodyTarget, bytesOf } from '../body-target.js';
import { SourceError } from '../errors.js';
import { failureOf } from '../http/http-failure.js';
import type { HttpBody } from '../http/http-body.js';
import type { HttpAnswer } from '../http/http-engine.js';
import type { ContentRange } from '../http/response-check.js';
import type { Request } from '../request.js';
import { newResponse, type Response } from '../response.js';
import { RestingBody, TooLongError } from './resting-body.js';

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
  let isOver = false;
  let position = start;
  const settle = (report: () => void): void => {
    if (!isOver) report();
    isOver = true;
  };
  const reopenBody = async (from: number): Promise<{ start: number; body: HttpBody }> => {
    const next = await reopen(from);
    if (next === undefined || isOver) {
      next?.answer.body.cancel();
      isOver = true;
      throw new SourceError('CONNECTION_LOST', 'dfdaemon does not go on', request.url);
    }
    return { start: next.contentRange.start, body: next.answer.body };
  };
  const body = new RestingBody(answer.body, { start, end, restAfterMs: REST_AFTER_MS, reopen: reopenBody });
  const cancel = (): void => {
    settle(outcome.leave);
    body.cancel();
  };

  async function read(target: BodyTarget): Promise<number> {
    try {
      const bytes = await body.read(target);
      position += bytes;
      const enoughBytes = Math.min(target.minBytes ?? Infinity, bytesOf(target.pieces));
      if (position < end && bytes < enoughBytes) throw new Error('the body ended early');
      if (position === end) settle(outcome.complete);
      return bytes;
    } catch (error) {
      if (request.signal?.aborted === true) settle(outcome.leave);
      const failure =
        error instanceof TooLongError
          ? new SourceError('PROTOCOL', 'the body is too long', request.url)
          : failureOf(error, request.url, request.signal);
      const reason = failure.code === 'TIMEOUT' ? 'stall' : 'error';
      settle(() => outcome.fail(reason, failure.found ?? failure.message));
      throw failure;
    }
  }

  return newResponse(
    { read },
    {
      status,
      header: () => header.toHeaders(),
      offset: start,
      contentLength: end - start,
      refuse: (reason) => {
        if (reason === 'stall') settle(() => outcome.fail('stall', 'a body that its reader waits for'));
        else outcome.mismatch();
      },
      cancel,
    },
  );
}
