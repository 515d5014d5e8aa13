import { setImmediate as nextTurn } from 'node:timers/promises';

import { newResponse, type Response, SourceError, TimeoutError } from '../../../src/source/index.js';
import type { Random } from '../../support/random.js';
import type { ActiveRequest } from './active-request.js';

export interface BodyPlan {
  readonly bytes: Buffer;
  readonly offset: number | undefined;
  readonly contentLength: number;
  /** Where the body breaks or stalls. */
  readonly faultAt: number;
  readonly drains: boolean;
}

/** A response whose body comes in chunks of any length, with or without pauses, and with the request's fault. */
export function simulatedResponse(request: ActiveRequest, plan: BodyPlan, random: Random): Response {
  const chunks = chunksOf(request, plan, random);
  return newResponse(plan.drains ? inOneMemory(chunks) : chunks, {
    contentLength: plan.contentLength,
    ...(plan.offset === undefined ? {} : { offset: plan.offset }),
    cancel: () => request.end(),
  });
}

async function* inOneMemory(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    const own = Buffer.from(chunk);
    yield own;
    // The memory is the client's again.
    own.fill(0xdd);
  }
}

async function* chunksOf(request: ActiveRequest, plan: BodyPlan, random: Random): AsyncGenerator<Buffer> {
  const { bytes, faultAt } = plan;
  const isSlow = random.chance(0.3);
  const maxChunk = random.pick([700, 4096, 10_000, 100_000]);
  try {
    for (let at = 0; at < bytes.length;) {
      if (isSlow) await nextTurn();
      request.throwIfEnded();
      if (at === faultAt) await fail(request);
      const until = at < faultAt ? Math.min(faultAt, bytes.length) : bytes.length;
      const next = Math.min(until, at + random.between(1, maxChunk));
      yield bytes.subarray(at, next);
      at = next;
    }
    if (faultAt >= bytes.length && faultAt !== Infinity) await fail(request);
  } finally {
    request.end();
  }
}

async function fail(request: ActiveRequest): Promise<void> {
  if (request.fault === 'lost') throw new SourceError('CONNECTION_LOST', 'lost', request.url);
  const goesOn = await request.hang();
  if (!goesOn) throw new TimeoutError(request.url, { expected: 'more of the body' });
}
