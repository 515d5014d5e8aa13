import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** After so many in a row without a use, a 404 is final. */
const MAX_GUESSES = 3;

interface Guess {
  readonly directory: string;
  readonly url: string;
  /** How many names of the directory in a row were neither walked through nor used. */
  readonly count: number;
}

/**
 * The last name that each caller looked up and got as a directory without a query. A program that looks for a free name
 * (`mkstemp`) looks up one after the other in the same directory, and uses none: it needs ENOENT, or it never ends.
 */
export class Guesses {
  readonly #byCaller: BoundedMap<Guess>;

  constructor(budget: MetadataBudget) {
    this.#byCaller = new BoundedMap({ budget, bytesOf: ({ url }) => 2 * stringBytes(url) });
  }

  areExhausted(caller: number, directory: string): boolean {
    const last = this.#byCaller.get(keyOf(caller));
    return last?.directory === directory && last.count >= MAX_GUESSES;
  }

  /** The kernel may look one name up several times, and looks up those on the way to it before each guess. */
  add(caller: number, directory: string, url: string): void {
    const key = keyOf(caller);
    const last = this.#byCaller.get(key);
    if (last !== undefined && (last.url === url || `${last.directory}/`.startsWith(`${url}/`))) return;
    const count = last?.directory === directory ? last.count + 1 : 1;
    this.#byCaller.set(key, { directory, url, count });
  }

  /** The caller walked through the name, used it, or got ENOENT for it. */
  settle(caller: number, url: string): void {
    if (this.#byCaller.size === 0) return;
    const key = keyOf(caller);
    const last = this.#byCaller.get(key);
    const isInDirectory = last?.directory.length === url.lastIndexOf('/') && url.startsWith(last.directory);
    if (isInDirectory) this.#byCaller.delete(key);
  }
}

/** The transport fuse-native has two ids, none of which is a caller. */
function keyOf(caller: number): string {
  return String(Math.max(caller, -1));
}
