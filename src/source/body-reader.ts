import type { BodyReader } from './body-target.js';
import { IterableBody } from './iterable-body.js';
import type { Response } from './response.js';

/** Takes the next bytes of a body; what it throws ends the body. */
export type BodySink = (chunk: Uint8Array) => void | Promise<void>;
export type BufferProvider = () => Uint8Array | undefined;

/** Reads the body of a response into memory of the reader, part by part. The body must not be used otherwise. */
export function bodyReader(response: Response): BodyReader {
  return response.read === undefined ? new IterableBody(response.body) : (response as BodyReader);
}

const CHUNK_BYTES = 256 * 1024;

/** Pushes the body into a sink. */
export const drainBody: (
  response: Response,
  sink: BodySink,
  nextBuffer?: BufferProvider,
) => Promise<void> = async (response, sink) => {
  const reader = bodyReader(response);
  const memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    for (;;) {
      const bytes = await reader.read({ pieces: [memory], minBytes: 1 });
      if (bytes === 0) return;
      const wait = sink(memory.subarray(0, bytes));
      if (wait !== undefined) await wait;
    }
  } catch (error) {
    response.cancel();
    throw error;
  }
};
