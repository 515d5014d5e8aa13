import type { BodySink } from '../response.js';
import { copiesOf, keptBytesOf } from './chunk-copies.js';

const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * The chunks that `drain` pushes, as copies to keep; at most `HIGH_WATER_BYTES` (and one chunk) ahead of the
 * reader. A reader that leaves early cancels.
 */
export async function* readAhead(
  drain: (sink: BodySink) => Promise<void>,
  cancel: () => void,
): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let waitingBytes = 0;
  let isOver = false;
  let wakeReader = (): void => undefined;
  let wakeSink = (): void => undefined;

  const drained = drain((chunk) => {
    for (const copy of copiesOf(chunk)) {
      chunks.push(copy);
      waitingBytes += keptBytesOf(copy);
    }
    wakeReader();
    if (waitingBytes < HIGH_WATER_BYTES) return undefined;
    return new Promise((resolve) => {
      wakeSink = resolve;
    });
  }).finally(() => {
    isOver = true;
    wakeReader();
  });
  drained.catch(() => undefined); // Thrown below, behind the last chunk.

  try {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        waitingBytes -= keptBytesOf(chunk);
        if (waitingBytes < HIGH_WATER_BYTES / 2) wakeSink();
        yield chunk;
      } else if (isOver) {
        await drained;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
    }
  } finally {
    cancel();
    wakeSink();
  }
}
