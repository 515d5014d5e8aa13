import type { ExchangeBody } from '../http/exchange-body.js';
import type { BodySink, BufferProvider } from '../response.js';

export interface RestOptions {
  /** The body begins with byte `start` of a file, and ends before `end`. */
  readonly start: number;
  readonly end: number;
  /** For how long, in all, the sink may take nothing. */
  readonly restAfterMs: number;
  /** The same file, from an earlier byte on, or that one. */
  readonly reopen: (position: number) => Promise<{ readonly start: number; readonly body: ExchangeBody }>;
}

/** More came than was announced. */
export class TooLongError extends Error {}

class RestError extends Error {}

/**
 * Drains a body of dfdaemon. As long as it has a client, dfdaemon fetches only some pieces more than that has taken, and other
 * nodes wait for the rest of them; when the client has left, it fetches all. So the connection of a slow sink is closed once, and
 * another one goes on when the sink takes more. Resolves to the position that was reached.
 */
export async function drainWithRest(
  first: ExchangeBody,
  sink: BodySink,
  nextBuffer: BufferProvider | undefined,
  { start, end, restAfterMs, reopen }: RestOptions,
): Promise<number> {
  let [body, position, skippedBytes] = [first, start, 0];
  let [leftMs, hasRested] = [restAfterMs, false];
  let taken: Promise<void> | undefined;

  const take: BodySink = (chunk) => {
    const skipped = Math.min(skippedBytes, chunk.byteLength);
    skippedBytes -= skipped;
    if (skipped === chunk.byteLength) return;
    position += chunk.byteLength - skipped;
    if (position > end) throw new TooLongError();
    const wait = sink(skipped === 0 ? chunk : chunk.subarray(skipped));
    return wait === undefined || hasRested ? wait : restWhile(wait);
  };
  const restWhile = async (wait: Promise<void>): Promise<void> => {
    const beganMs = performance.now();
    const timer = setTimeout(() => body.cancel(new RestError()), leftMs);
    taken = wait;
    try {
      await wait;
    } finally {
      clearTimeout(timer);
      leftMs -= performance.now() - beganMs;
    }
  };

  for (;;) {
    try {
      await body.drain(take, nextBuffer && (() => (skippedBytes > 0 ? undefined : nextBuffer())));
      return position;
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
    }
    hasRested = true;
    await taken;
    if (position === end) return position;
    const next = await reopen(position);
    body = next.body;
    skippedBytes = position - next.start;
  }
}
