import { fdatasync, openOwn, syncDirectory, whileOpen } from '../file-io.js';
import { filePath, shardPath } from '../layout.js';
import { type PlainError, plainError } from './messages.js';

/** Each is three waits for the disk. */
const MAX_PER_ROUND = 16;
/** The system itself writes what is older than half a minute: so long would the rounds for more take. */
const MAX_NAMES = 6 * MAX_PER_ROUND;

/**
 * Makes entries durable some seconds after they were written: of each the data before the index that names its blocks, then the
 * directories. An index that reaches the disk before its data does no harm: the checksums do not fit.
 */
export class Durability {
  readonly #root: string;
  readonly #afterMs: number;
  readonly #onRound: (left: number, error: PlainError | undefined) => void;
  /** Those that were written since they were last synced, oldest first. */
  readonly #names = new Set<string>();
  /** Others were written, too. */
  #isMore = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(root: string, afterMs: number, onRound: (left: number, error: PlainError | undefined) => void) {
    this.#root = root;
    this.#afterMs = afterMs;
    this.#onRound = onRound;
  }

  add(name: string): void {
    if (this.#names.size < MAX_NAMES) this.#names.add(name);
    else this.#isMore ||= !this.#names.has(name);
    this.#timer ??= setTimeout(() => void this.#runRound(), this.#afterMs);
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  /** Resolves to false if that is too much. Rejects if it cannot be made durable. */
  async syncAll(): Promise<boolean> {
    clearTimeout(this.#timer);
    if (this.#isMore || this.#names.size > 2 * MAX_PER_ROUND) return false;
    for (const name of this.#names) await this.#sync(name);
    return true;
  }

  async #runRound(): Promise<void> {
    let failure: PlainError | undefined;
    for (const name of [...this.#names].slice(0, MAX_PER_ROUND)) {
      // What is written from now on may be missed.
      this.#names.delete(name);
      try {
        await this.#sync(name);
      } catch (error) {
        failure = plainError(error);
        this.#names.add(name);
      }
    }
    this.#onRound(this.#names.size, failure);
    this.#timer = undefined;
    if (this.#names.size > 0) this.#timer = setTimeout(() => void this.#runRound(), this.#afterMs);
  }

  async #sync(name: string): Promise<void> {
    for (const kind of ['data', 'index'] as const) {
      await whileOpen(openOwn(filePath(this.#root, name, kind)), fdatasync);
    }
    for (const directory of [shardPath(this.#root, name), this.#root]) await syncDirectory(directory);
  }
}
