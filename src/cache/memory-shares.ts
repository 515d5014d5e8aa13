/**
 * How much memory is committed to bodies under way, by whom it is for: an origin, and a user where users are told
 * apart. Whoever waits for more has to leave some to others: a server that hangs, and has many readers, would otherwise
 * have all of it (the dynamic threshold of shared buffers: Choudhury and Hahne, 1998).
 */
export class MemoryShares {
  readonly #byKey = new Map<string, MemoryShare>();

  /** Of who has something committed now. */
  get count(): number {
    return this.#byKey.size;
  }

  of(url: string, uid: number | undefined): MemoryShare {
    const key = `${uid ?? ''} ${url.split('/', 3).join('/')}`;
    return this.#byKey.get(key) ?? new MemoryShare(this.#byKey, key);
  }
}

/** For each byte that is left to others, somebody may have so many. */
const THRESHOLD = 3;

export class MemoryShare {
  readonly #shares: Map<string, MemoryShare>;
  readonly #key: string;
  #bytes = 0;

  constructor(shares: Map<string, MemoryShare>, key: string) {
    this.#shares = shares;
    this.#key = key;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Negative: given back. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > 0) this.#shares.set(this.#key, this);
    else if (this.#shares.get(this.#key) === this) this.#shares.delete(this.#key);
  }

  /** Whether it has to wait with so much more, where so much is left. */
  isExceededBy(bytes: number, leftBytes: number): boolean {
    return this.#bytes > 0 && this.#bytes + bytes > THRESHOLD * (leftBytes - bytes);
  }
}
