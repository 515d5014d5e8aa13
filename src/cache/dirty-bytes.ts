/** What waits to be written to disk, of all versions together. */
export class DirtyBytes {
  readonly #limitBytes: () => number;
  #bytes = 0;

  /** `limitBytes` returns how much may wait now. */
  constructor(limitBytes: () => number) {
    this.#limitBytes = limitBytes;
  }

  get maxBytes(): number {
    return this.#limitBytes();
  }

  /** Whether what waits takes so much that it must not wait for quiet. */
  get isPressing(): boolean {
    return this.#bytes > this.maxBytes / 2;
  }

  tryAdd(bytes: number): boolean {
    if (this.#bytes + bytes > this.maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  subtract(bytes: number): void {
    this.#bytes -= bytes;
  }
}
