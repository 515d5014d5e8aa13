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

  /**
   * Takes room for a file, until `giveBack`. Rejects with a `NoRoomError` if the file does not fit. What is pinned is counted by the
   * cache. Resolves to the bytes that are taken.
   */
  async take(url: string, sizeBytes: number): Promise<number> {
    const room = await this.#cache.room();
    if (room === undefined) throw new NoRoomError('this process no longer writes the cache directory');
    const bytes = room.chargeOf(sizeBytes);
    const { capacityBytes, pinnedBytes } = room;
    // Of a pinned file, some or all may be there.
    const newBytes = room.isPinned(url) ? 0 : bytes;
    if (this.#takenBytes + pinnedBytes + newBytes > capacityBytes || bytes > capacityBytes) {
      const pinned = pinnedBytes > 0 ? ` ${pinnedBytes} are pinned, and` : '';
      throw new NoRoomError(
        `the disk cache holds ${Math.floor(capacityBytes)} bytes:${pinned} what was warmed takes ${this.#takenBytes}; ` +
          `the next file, of ${sizeBytes} bytes, would push that out`,
      );
    }
    this.#takenBytes += newBytes;
    return newBytes;
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}
