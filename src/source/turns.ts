import { uidOf } from './caller-uid.js';

/** The pieces of long work that wait for the event loop, by user; the user whose turn it is comes first. */
const waiting = new Map<number | undefined, (() => void)[]>();

function resumeOne(): void {
  for (const [uid, pieces] of waiting) {
    waiting.delete(uid);
    pieces.shift()?.();
    if (pieces.length > 0) waiting.set(uid, pieces);
    break;
  }
  if (waiting.size > 0) setImmediate(resumeOne);
}

/**
 * Yields to the event loop. However much work waits for this, each turn of the loop has one piece of it, and users take
 * turns.
 */
export function nextTurn(uid?: number): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.size === 0) setImmediate(resumeOne);
    const pieces = waiting.get(uid);
    if (pieces === undefined) waiting.set(uid, [resolve]);
    else pieces.push(resolve);
  });
}

/** About as much as takes some milliseconds, in characters that are looked at. */
const COST_PER_TURN = 128 * 1024;
/** Of an entry of a listing, beside its characters. */
const ENTRY_COST = 64;

/** Cuts long work into turns: readers of files must not wait for a page of a hundred thousand entries. */
export class Turns {
  readonly #uid: number | undefined;
  #cost = 0;

  /** `signal` is that of the request, which has the user. */
  constructor(signal: AbortSignal | undefined) {
    this.#uid = uidOf(signal);
  }

  /** Undefined: continue at once. */
  spend(chars: number, entries = 0): Promise<void> | undefined {
    this.#cost += chars + entries * ENTRY_COST;
    if (this.#cost < COST_PER_TURN) return undefined;
    this.#cost = 0;
    return nextTurn(this.#uid);
  }
}
