/** Moves a background request to the foreground, when a caller comes to wait for its response. */
export class Promotion {
  #isPromoted = false;
  /** Called at the promotion, by whichever queue the request waits in. */
  listener: (() => void) | undefined;

  get isPromoted(): boolean {
    return this.#isPromoted;
  }

  promote(): void {
    if (this.#isPromoted) return;
    this.#isPromoted = true;
    this.listener?.();
  }
}
