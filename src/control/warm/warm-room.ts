import type { WarmableCache } from './warmable-cache.js';

/** What it brings would push out what it has brought. */
export class NoRoomError extends Error {
  override readonly name = 'NoRoomError';
  readonly code = 'NO_ROOM';
}

/** What running jobs have brought to disk, and what still fits beside it. */
export class WarmRoom {
  readonly #cache: WarmableCache;
  #takenBytes = 0;

  constructor(cache: WarmableCache) {
    this.#cache = cache;
  }

  /** Takes room for a file, until `giveBack`. Rejects with a `NoRoomError` if the file does not fit. Resolves to its bytes. */
  async take(sizeBytes: number): Promise<number> {
    const room = await this.#cache.room();
    if (room === undefined) throw new NoRoomError('this process no longer writes the cache directory');
    const bytes = room.chargeOf(sizeBytes);
    if (this.#takenBytes + bytes > room.capacityBytes) {
      throw new NoRoomError(
        `the disk cache holds ${Math.floor(room.capacityBytes)} bytes, of which what was warmed takes ${this.#takenBytes}: ` +
          `the next file, of ${sizeBytes} bytes, would push that out`,
      );
    }
    this.#takenBytes += bytes;
    return bytes;
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}
