/**
 * How much memory is in use for reads and bodies in flight, by whom it is for: an origin, and where users are distinguished a
 * user, and an origin of that user. A waiter for more has to leave some to others: a server that hangs, and has
 * many readers, would otherwise have all of it (the dynamic threshold of shared buffers: Choudhury and Hahne, 1998).
 */
export class MemoryShares {
  readonly #byKey = new Map<string, MemoryShare>();

  /** Those that are in use. */
  get count(): number {
    return this.#byKey.size;
  }

  /** Of the origin of a URL. To be released. */
  acquire(url: string, uid: number | undefined): MemoryShare {
    const origin = url.split('/', 3).join('/');
    if (uid === undefined) return this.#acquire(origin, undefined);
    return this.#acquire(`${uid} ${origin}`, String(uid));
  }

  #acquire(key: string, parentKey: string | undefined): MemoryShare {
    let share = this.#byKey.get(key);
    if (share === undefined) {
      const parent = parentKey === undefined ? undefined : this.#acquire(parentKey, undefined);
      share = new MemoryShare(parent, () => this.#byKey.delete(key));
      this.#byKey.set(key, share);
    }
    share.acquire();
    return share;
  }
}

/** For each byte that is left to others, one share may have so many. */
const THRESHOLD = 3;

export class MemoryShare {
  readonly #parent: MemoryShare | undefined;
  readonly #onUnused: () => void;
  #bytes = 0;
  #users = 0;

  constructor(parent: MemoryShare | undefined, onUnused: () => void) {
    this.#parent = parent;
    this.#onUnused = onUnused;
  }

  /** Negative: given back. */
  add(bytes: number): void {
    this.#bytes += bytes;
    this.#parent?.add(bytes);
  }

  /** Whether it has to wait with so much more, where so much is left. */
  isExceededBy(bytes: number, leftBytes: number): boolean {
    const isExceeded = this.#bytes > 0 && this.#bytes + bytes > THRESHOLD * (leftBytes - bytes);
    return isExceeded || this.#parent?.isExceededBy(bytes, leftBytes) === true;
  }

  acquire(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#onUnused();
    this.#parent?.release();
  }
}
