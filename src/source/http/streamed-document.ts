/** A long document in batches, as it comes: what was in it need not be in memory at once. */
import { ProtocolError, type SourceError, TimeoutError } from '../errors.js';
import { LISTING_TIME_FACTOR, ListingTooLong, MAX_STREAMED_BYTES } from '../listing-limits.js';
import { withRetries } from '../retry.js';
import { TextPieces } from '../text-pieces.js';
import { Turns } from '../turns.js';
import type { HttpAnswer, HttpCaller, HttpEngine, HttpRequest } from './http-engine.js';
import { failureOf, isRetryable } from './http-failure.js';

const READ_BYTES = 64 * 1024;
const BACKOFF_MS = 200;

/** What it throws ends the document. */
export interface BatchReader<Batch> {
  /** Takes the next characters, and returns how many items they have brought. */
  read(text: string): number;
  /** The document is complete. */
  end(): void;
  /** The items since the last call: one batch. */
  take(): Batch;
}

/**
 * Batches of at least `batchItems`, but for the last one. A document that breaks before the first of them is requested
 * again; later it is an error. Each batch has its time limit, in which that of its reader does not count.
 */
export async function* streamDocument<Batch>(
  engine: HttpEngine,
  request: HttpRequest,
  caller: HttpCaller,
  batchItems: number,
  createReader: (answer: HttpAnswer) => BatchReader<Batch>,
): AsyncGenerator<Batch> {
  let isAnswered = false;
  const policy = {
    retries: engine.retries,
    deadlineMs: engine.timeoutMs,
    backoffMs: BACKOFF_MS,
    // The engine has its own retries until there is an answer.
    isRetryable: (error: unknown) => isAnswered && isRetryable(error),
  };
  const { batches, first } = await withRetries(policy, caller.signal, async () => {
    isAnswered = false;
    const answer = await engine.send(request, caller);
    isAnswered = true;
    const begun = readBatches(engine, answer, caller, batchItems, createReader(answer));
    return { batches: begun, first: await begun.next() };
  });
  try {
    if (first.done !== true) yield first.value;
    yield* batches;
  } finally {
    await batches.return(undefined);
  }
}

async function* readBatches<Batch>(
  engine: HttpEngine,
  { body }: HttpAnswer,
  caller: HttpCaller,
  batchItems: number,
  reader: BatchReader<Batch>,
): AsyncGenerator<Batch> {
  const pieces = new TextPieces();
  const turns = new Turns(caller.signal);
  const memory = Buffer.allocUnsafeSlow(READ_BYTES);
  const limitMs = engine.timeoutMs * LISTING_TIME_FACTOR;
  let received = 0;
  let isLast = false;
  try {
    while (!isLast) {
      const facts = { expected: `so many entries within ${limitMs / 1000} s`, found: 'more to come' };
      const timer = setTimeout(() => body.cancel(new TimeoutError(caller.url, facts)), limitMs);
      try {
        for (let items = 0; items < batchItems && !isLast;) {
          const bytes = await body.read({ pieces: [memory] });
          received += bytes;
          if (received > MAX_STREAMED_BYTES) throw new ListingTooLong(`${MAX_STREAMED_BYTES} bytes`);
          isLast = bytes < memory.length;
          for (const text of pieces.add(memory.subarray(0, bytes))) {
            const found = reader.read(text);
            items += found;
            await turns.spend(text.length, found);
          }
        }
        if (isLast) {
          reader.read(pieces.end());
          reader.end();
        }
      } finally {
        clearTimeout(timer);
      }
      yield reader.take();
    }
  } catch (error) {
    throw documentFailure(error, caller);
  } finally {
    body.cancel();
  }
}

function documentFailure(error: unknown, { url, signal }: HttpCaller): SourceError {
  if (error instanceof ListingTooLong) {
    return new ProtocolError('the document is too long', url, {
      expected: `at most ${error.expected}`,
      found: 'more',
    });
  }
  return failureOf(error, url, signal);
}
