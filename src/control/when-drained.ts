import type { Writable } from 'node:stream';

/** Resolves when more may be written, or nothing more can be: its peer may have gone already. */
export function whenDrained(stream: Writable): Promise<void> {
  if (stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      stream.off('drain', end).off('close', end);
      resolve();
    };
    stream.on('drain', end).on('close', end);
  });
}
