import { once } from 'node:events';
import { PassThrough } from 'node:stream';

import type { BodySink } from '../response.js';

const HIGH_WATER_BYTES = 1024 * 1024;

/** The chunks that `drain` pushes, as copies; up to `HIGH_WATER_BYTES` ahead of the reader. A reader that leaves cancels. */
export async function* readAhead(
  drain: (sink: BodySink) => Promise<void>,
  cancel: () => void,
): AsyncGenerator<Uint8Array> {
  const stream = new PassThrough({ highWaterMark: HIGH_WATER_BYTES });
  let failure: { readonly error: unknown } | undefined;
  void drain(async (chunk) => {
    if (!stream.write(Buffer.from(chunk))) await once(stream, 'drain');
  })
    .catch((error: unknown) => {
      failure = { error };
    })
    .finally(() => stream.end());
  try {
    yield* stream;
    // Behind the last chunk.
    if (failure !== undefined) throw failure.error;
  } finally {
    cancel();
  }
}
