/**
 * Which callers retry the lookup of a path because its last name, a directory to the kernel, was used as a file (ESTALE): for
 * that lookup it is a file. An intent ends with the thread's next request for another path. Callers of another pid namespace, all
 * with the id 0, share one, which expires; so does that of a transport without callers (a negative id), unless it is used before.
 */
import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** Ticks, not a clock: they stop while this process is stopped or starved. */
const SHARED_TICKS = 20;
const TICK_MS = 250;

/** Calls back periodically; returns a function that ends it. */
export type Ticker = (onTick: () => void) => () => void;

export class FileIntents {
  readonly #ticker: Ticker;
  /** By thread: the URL. */
  readonly #byThread: BoundedMap<string>;
  /** By caller and URL: how many ticks are left. */
  readonly #shared: BoundedMap<number>;
  #stop: (() => void) | undefined;
  onMarked: (caller: number, url: string) => void = () => undefined;

  constructor(budget: MetadataBudget, ticker: Ticker = interval) {
    this.#ticker = ticker;
    this.#byThread = new BoundedMap({ budget, bytesOf: (url) => stringBytes(url) });
    this.#shared = new BoundedMap({ budget, bytesOf: () => 0 });
  }

  mark(caller: number, url: string): void {
    this.onMarked(caller, url);
    if (caller > 0) {
      this.#byThread.set(String(caller), url);
      return;
    }
    this.#shared.set(keyOf(caller, url), SHARED_TICKS);
    this.#stop ??= this.#ticker(() => this.#tick());
  }

  has(caller: number, url: string): boolean {
    return caller > 0 ? this.#byThread.get(String(caller)) === url : this.#shared.has(keyOf(caller, url));
  }

  /** The caller used the URL, or looked up another one than its intent. Does not end an intent below the URL. */
  settle(caller: number, url: string): void {
    if (caller < 0) this.#shared.delete(keyOf(caller, url));
    if (caller <= 0 || this.#byThread.size === 0) return;
    if (this.#byThread.get(String(caller))?.startsWith(`${url}/`) === false)
      this.#byThread.delete(String(caller));
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #tick(): void {
    for (const [key, left] of this.#shared.entries()) {
      if (left > 1) this.#shared.set(key, left - 1);
      else this.#shared.delete(key);
    }
    if (this.#shared.size === 0) this.close();
  }
}

function interval(onTick: () => void): () => void {
  const timer = setInterval(onTick, TICK_MS).unref();
  return () => clearInterval(timer);
}

function keyOf(caller: number, url: string): string {
  return `${caller} ${url}`;
}
