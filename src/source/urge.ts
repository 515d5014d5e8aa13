/** By which a request that was made for later is told that somebody waits for its response by now. */
export class Urge {
  #isGiven = false;
  #listener: (() => void) | undefined;

  get isGiven(): boolean {
    return this.#isGiven;
  }

  give(): void {
    if (this.#isGiven) return;
    this.#isGiven = true;
    this.#listener?.();
  }

  /** The one who listens from now on; undefined: nobody. */
  set listener(listener: (() => void) | undefined) {
    this.#listener = listener;
  }
}
