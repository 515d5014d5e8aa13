import type { BodyTarget } from '../../src/source/index.js';

const CHUNK_BYTES = 256 * 1024;

interface Readable {
  read?(target: BodyTarget): Promise<number>;
  cancel(): void;
}

/** Reads a body to its end, and hands its chunks to `take`, whose error cancels it. */
export async function drained(
  body: Readable | undefined,
  take: (chunk: Buffer) => unknown = () => undefined,
): Promise<void> {
  const memory = Buffer.alloc(CHUNK_BYTES);
  try {
    for (;;) {
      const bytes = await body?.read?.({ pieces: [memory], minBytes: 1 });
      if (bytes === undefined || bytes === 0) return;
      await take(memory.subarray(0, bytes));
    }
  } catch (error) {
    body?.cancel();
    throw error;
  }
}

/** All of a body. */
export async function bytesOf(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await drained(body, (chunk) => chunks.push(Buffer.from(chunk)));
  return Buffer.concat(chunks);
}
