/** How far a node fetches ahead of the client that reads a task from it: a slow one holds up the task, until it leaves. */
export class ReaderPace {
  readonly #aheadPieces: number;
  #takenPieces = 0;
  #isOver = false;
  #waiting: (() => void)[] = [];

  constructor(aheadPieces: number) {
    this.#aheadPieces = aheadPieces;
  }

  /** Resolves when a piece may be fetched, the how manieth it ever is. */
  async allows(piece: number): Promise<void> {
    while (!this.#isOver && piece >= this.#takenPieces + this.#aheadPieces) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  take(): void {
    this.#takenPieces += 1;
    this.#wakeAll();
  }

  /** The client has gone, or has all. */
  leave(): void {
    this.#isOver = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
