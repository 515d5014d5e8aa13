/**
 * Which callers walk a path anew because its last name, a directory to the kernel, was used as a file (ESTALE).
 * For that walk the name is a file.
 *
 * A thread makes one walk at a time: its intent ends with the next thing that it does elsewhere. The callers of another
 * pid namespace cannot be told apart (id 0): theirs is shared, is not used up, and ends after a while. So does that of
 * a transport that knows no callers (a negative id), if it is not used before.
 */
import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import { MetadataBudget } from '../memory/metadata-budget.js';

/**
 * A shared intent ends after so many ticks. Ticks, not a clock: while this process stands still, so do they. Within
 * that time a container that used a page as a file cannot walk through it.
 */
const SHARED_TICKS = 20;
const TICK_MS = 250;

/** Calls back again and again; returns how to end that. */
export type Ticker = (onTick: () => void) => () => void;

export class FileIntents {
  readonly #ticker: Ticker;
  /** By thread: the URL. */
  readonly #byThread: BoundedMap<string>;
  /** By caller and URL: how many ticks are left. */
  readonly #shared: BoundedMap<number>;
  #stop: (() => void) | undefined;

  constructor(budget = MetadataBudget.beside(0), ticker: Ticker = interval) {
    this.#ticker = ticker;
    this.#byThread = new BoundedMap({ budget, bytesOf: (url) => stringBytes(url) });
    this.#shared = new BoundedMap({ budget, bytesOf: () => 0 });
  }

  mark(caller: number, url: string): void {
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

  /** The caller looks a URL up: on the way to its intent, or the walk was given up. */
  walk(caller: number, url: string): void {
    if (caller <= 0 || this.#byThread.size === 0) return;
    const intent = this.#byThread.get(String(caller));
    if (intent !== undefined && intent !== url && !intent.startsWith(`${url}/`))
      this.#byThread.delete(String(caller));
  }

  /** The caller uses a URL: its walk has ended. */
  use(caller: number, url: string): void {
    if (caller < 0) this.#shared.delete(keyOf(caller, url));
    if (caller <= 0 || this.#byThread.size === 0) return;
    // With `default_permissions` the kernel asks for the attributes of directories on the way, too.
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
