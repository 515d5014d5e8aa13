import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** After so many in a row that led to nothing, the next name is no guess. */
const MAX_GUESSES = 3;
const MAX_DIRECTORIES_PER_CALLER = 8;
const GUESS_BYTES = 100;

interface Guess {
  readonly directory: string;
  /** The name that was guessed last. */
  url: string;
  /** How many names in a row were neither walked through nor used. */
  count: number;
}

/**
 * Names that were answered as a directory because nobody knew, by the caller who looked them up. A caller who only
 * looks for a name that is free (`mkstemp`) makes one guess after the other, and would do so for ever.
 */
export class Guesses {
  readonly #byCaller: BoundedMap<Guess[]>;

  constructor(budget: MetadataBudget) {
    this.#byCaller = new BoundedMap({
      budget,
      // The other names of the directory are about as long.
      bytesOf: (guesses) => guesses.reduce((sum, { url }) => sum + GUESS_BYTES + 2 * stringBytes(url), 0),
    });
  }

  /** Whether the caller's last guesses in a directory led to nothing. */
  areExhausted(caller: number, directory: string): boolean {
    const known = this.#byCaller.get(keyOf(caller))?.find((guess) => guess.directory === directory);
    return (known?.count ?? 0) >= MAX_GUESSES;
  }

  /** The kernel may look one name up several times. */
  add(caller: number, directory: string, url: string): void {
    const key = keyOf(caller);
    const guesses = this.#byCaller.get(key) ?? [];
    const known = guesses.find((guess) => guess.directory === directory);
    if (known === undefined) {
      guesses.push({ directory, url, count: 1 });
      if (guesses.length > MAX_DIRECTORIES_PER_CALLER) guesses.shift();
      this.#byCaller.set(key, guesses);
    } else if (known.url !== url) {
      known.url = url;
      known.count += 1;
    }
  }

  /** The caller walked through the name, or used it. */
  settle(caller: number, url: string): void {
    if (this.#byCaller.size === 0) return;
    const key = keyOf(caller);
    const guesses = this.#byCaller.get(key);
    const at = guesses?.findIndex((guess) => guess.url === url) ?? -1;
    if (at < 0) return;
    guesses?.splice(at, 1);
    if (guesses?.length === 0) this.#byCaller.delete(key);
  }
}

/** A transport that knows no callers tells which names are only walked through, by a second number. */
function keyOf(caller: number): string {
  return String(Math.max(caller, -1));
}
