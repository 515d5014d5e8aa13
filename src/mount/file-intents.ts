/**
 * Which caller wants which name as a file. A name of unknown type is a directory to the kernel; the first
 * use that shows otherwise is answered with ESTALE, and for the walk that follows this table says "file".
 * An intent is used up by the operation that the walk was for, and forgotten after a moment in any case:
 * a stale one would turn the next walk through the name into ENOTDIR.
 */
const FORGET_AFTER_MS = 2_000;

export class FileIntents {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  mark(caller: number, url: string): void {
    this.#dropForgotten();
    const key = keyOf(caller, url);
    // Deleted first, so that the map stays in the order of expiry.
    this.#until.delete(key);
    this.#until.set(key, this.#now() + FORGET_AFTER_MS);
  }

  has(caller: number, url: string): boolean {
    return (this.#until.get(keyOf(caller, url)) ?? 0) > this.#now();
  }

  use(caller: number, url: string): void {
    this.#until.delete(keyOf(caller, url));
  }

  #dropForgotten(): void {
    for (const [key, until] of this.#until) {
      if (until > this.#now()) return;
      this.#until.delete(key);
    }
  }
}

function keyOf(caller: number, url: string): string {
  return `${caller} ${url}`;
}
