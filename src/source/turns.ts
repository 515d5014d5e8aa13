/** The pieces of long work that wait for the event loop. */
const waiting: (() => void)[] = [];

function letOneGoOn(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(letOneGoOn);
}

/** Lets others have the event loop. However many wait for this, each turn of it has one piece of their work. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(letOneGoOn);
  });
}

/** About as much as takes some milliseconds, in characters that are looked at. */
const COST_PER_TURN = 128 * 1024;
/** Of an entry of a listing, beside its characters. */
const ENTRY_COST = 64;

/** Cuts long work into turns: readers of files must not wait for a page of a hundred thousand entries. */
export class Turns {
  #cost = 0;

  /** Undefined: go on at once. */
  spend(chars: number, entries = 0): Promise<void> | undefined {
    this.#cost += chars + entries * ENTRY_COST;
    if (this.#cost < COST_PER_TURN) return undefined;
    this.#cost = 0;
    return nextTurn();
  }
}
