import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** After so many in a row without a use, a 404 is final. */
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
 * Lookups that were answered by a directory without a query, per caller and directory. A program that looks for a
 * free name (`mkstemp`) makes one after the other and uses none of them: it needs ENOENT, or it never ends.
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

  /** Whether the caller used none of the last names that it looked up in a directory. */
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

  /** The caller got ENOENT for want of any use. If its id is that of several callers, the others start afresh. */
  refused(caller: number, directory: string): void {
    if (caller <= 0) this.#remove(caller, (guess) => guess.directory === directory);
  }

  /** The caller walked through a name in the directory, or used it. */
  settle(caller: number, url: string): void {
    this.#remove(caller, ({ directory }) => isIn(directory, url));
  }

  #remove(caller: number, isIt: (guess: Guess) => boolean): void {
    if (this.#byCaller.size === 0) return;
    const key = keyOf(caller);
    const guesses = this.#byCaller.get(key);
    const at = guesses?.findIndex(isIt) ?? -1;
    if (at < 0) return;
    guesses?.splice(at, 1);
    if (guesses?.length === 0) this.#byCaller.delete(key);
  }
}

function isIn(directory: string, url: string): boolean {
  return url.lastIndexOf('/') === directory.length && url.startsWith(directory);
}

/** The transport fuse-native has two ids, none of which is a caller. */
function keyOf(caller: number): string {
  return String(Math.max(caller, -1));
}
