/**
 * Keeps what was used last: between half and all of `max` values. In two halves, of which the older is given
 * up when the younger is full: for many small values, of which most are asked for once, at the cost of a `Map`.
 */
export class RecentMap<Value> {
  readonly #half: number;
  readonly #onForgotten: () => void;
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** `onForgotten`: some were given up. */
  constructor(max: number, onForgotten: () => void = () => undefined) {
    this.#half = Math.ceil(max / 2);
    this.#onForgotten = onForgotten;
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined || this.#old.size === 0) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#onForgotten();
    }
    this.#young.set(key, value);
  }
}
