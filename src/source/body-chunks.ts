import type { BodyReader } from './body-target.js';

const CHUNK_BYTES = 64 * 1024;

/** The chunks of a body that is read, as they come. A reader that leaves cancels. */
export async function* bodyChunks(reader: BodyReader, cancel: () => void): AsyncGenerator<Uint8Array> {
  const memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    for (;;) {
      const bytes = await reader.read({ pieces: [memory], minBytes: 1 });
      if (bytes === 0) return;
      yield Buffer.from(memory.subarray(0, bytes));
    }
  } finally {
    cancel();
  }
}
