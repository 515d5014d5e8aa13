/** Brings files to disk, several at a time, while it finds them. */
import { BoundedQueue } from './bounded-queue.js';
import type { WarmableCache, WarmEntry } from './warmable-cache.js';
import type { WarmFailure, WarmOptions, WarmReport, WarmState } from './warm-options.js';
import type { WarmRoom } from './warm-room.js';

/** Files that were found and wait: so far ahead the total is known. */
const MAX_WAITING = 10_000;
/** Listings that lead to themselves end somewhere. */
const MAX_DEPTH = 64;
/** So many files in a row of unreachable sources end the job: the others would each wait as long. */
const MAX_UNREACHABLE = 16;
const UNREACHABLE = new Set([
  'TIMEOUT',
  'CONNECTION_REFUSED',
  'CONNECTION_LOST',
  'HOST_UNREACHABLE',
  'NETWORK_UNREACHABLE',
]);

const IS_DIRECTORY = {
  code: 'IS_DIRECTORY',
  message: 'it is a directory: --recursive brings what is below it',
};

export interface WarmJobContext {
  readonly id: number;
  readonly cache: WarmableCache;
  readonly options: WarmOptions;
  readonly room: WarmRoom;
  /** Takes a failure, or a file that `isCheck` finds incomplete, before the job goes on. */
  readonly onLine: (line: object) => Promise<void>;
}

interface Item {
  readonly url: string;
  /** Undefined: it was named, and may be a directory. */
  readonly entry: WarmEntry | undefined;
}

export class WarmJob {
  readonly #context: WarmJobContext;
  readonly #controller = new AbortController();
  readonly #queue = new BoundedQueue<Item>(MAX_WAITING);
  /** What turned out to be directories. */
  readonly #directories: string[] = [];
  readonly #startedAtMs = Date.now();
  #endedAtMs: number | undefined;
  #state: WarmState = 'running';
  #error: WarmReport['error'];
  #lastFailure: WarmFailure | undefined;
  /** Items that no worker has ended. */
  #outstanding = 0;
  /** Of those, the ones that may be directories, or whose size is not known yet. */
  #unsized = 0;
  #isInputRead = false;
  #isWalking = false;
  #onItemEnded: (() => void) | undefined;
  #takenBytes = 0;
  #unreachable = 0;
  readonly #counts = { files: 0, totalFiles: 0, failed: 0, doneBytes: 0, totalBytes: 0, fetchedBytes: 0 };

  constructor(context: WarmJobContext) {
    this.#context = context;
  }

  get report(): WarmReport {
    return {
      job: this.#context.id,
      state: this.#state,
      isBackground: this.#context.options.isBackground,
      isCheck: this.#context.options.isCheck,
      startedAtMs: this.#startedAtMs,
      endedAtMs: this.#endedAtMs,
      ...this.#counts,
      isListed:
        this.#isInputRead && this.#unsized === 0 && this.#directories.length === 0 && !this.#isWalking,
      error: this.#error,
      lastFailure: this.#lastFailure,
    };
  }

  cancel(): void {
    if (this.#state === 'running') this.#end('cancelled');
  }

  /** Never rejects. */
  async run(urls: AsyncIterable<string>): Promise<void> {
    const workers = Array.from({ length: this.#context.options.jobs }, () => this.#work());
    await Promise.race([this.#find(urls), this.#aborted()]).catch((error: unknown) => {
      this.#end('failed', codeAndMessage(error));
    });
    this.#queue.close(this.#controller.signal.aborted);
    await Promise.all(workers);
    if (this.#state === 'running') this.#end('done');
    this.#context.room.giveBack(this.#takenBytes);
  }

  #end(state: WarmState, error?: WarmReport['error']): void {
    if (this.#state !== 'running') return;
    this.#state = state;
    this.#error = error;
    this.#endedAtMs = Date.now();
    this.#controller.abort(new Error(`the job is ${state}`));
    this.#queue.close(state !== 'done');
    this.#onItemEnded?.();
  }

  #aborted(): Promise<void> {
    const { signal } = this.#controller;
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  get #isEnded(): boolean {
    return this.#controller.signal.aborted;
  }

  async #find(urls: AsyncIterable<string>): Promise<void> {
    for await (const url of urls) {
      await this.#push({ url: url.replace(/\/$/, ''), entry: undefined });
      await this.#walkFound();
      if (this.#isEnded) return;
    }
    this.#isInputRead = true;
    for (;;) {
      await this.#walkFound();
      if (this.#outstanding === 0 || this.#isEnded) return;
      await new Promise<void>((resolve) => {
        this.#onItemEnded = resolve;
      });
    }
  }

  async #walkFound(): Promise<void> {
    for (
      let directory = this.#directories.pop();
      directory !== undefined;
      directory = this.#directories.pop()
    ) {
      this.#isWalking = true;
      await this.#walk(directory, 0);
      this.#isWalking = false;
    }
  }

  async #walk(directory: string, depth: number): Promise<void> {
    const { cache } = this.#context;
    if (this.#isEnded) return;
    if (depth > MAX_DEPTH) {
      await this.#fail(directory, { code: 'TOO_DEEP', message: `more than ${MAX_DEPTH} directories deep` });
      return;
    }
    const take = async (entries: readonly WarmEntry[]): Promise<void> => {
      for (const entry of entries) if (entry.kind === 'file') await this.#push({ url: entry.url, entry });
      // Within its page: all that are found are never in memory at once.
      for (const { kind, url } of entries) if (kind === 'directory') await this.#walk(url, depth + 1);
    };
    try {
      await cache.eachEntry(directory, take, this.#controller.signal);
    } catch (error) {
      await this.#fail(directory, codeAndMessage(error));
    }
  }

  async #push(item: Item): Promise<void> {
    if (this.#isEnded) return;
    this.#outstanding += 1;
    if (item.entry?.sizeBytes === undefined) this.#unsized += 1;
    this.#counts.totalFiles += 1;
    this.#counts.totalBytes += item.entry?.sizeBytes ?? 0;
    await this.#queue.push(item);
  }

  async #work(): Promise<void> {
    for (let item = await this.#queue.take(); item !== undefined; item = await this.#queue.take()) {
      const sized = once(() => {
        if (item.entry?.sizeBytes === undefined) this.#unsized -= 1;
      });
      await this.#do(item, sized);
      sized();
      this.#outstanding -= 1;
      this.#onItemEnded?.();
    }
  }

  async #do({ url, entry }: Item, onSized: () => void): Promise<void> {
    try {
      if (entry === undefined && (await this.#isDirectory(url))) return;
      await (this.#context.options.isCheck ? this.#check(url, entry) : this.#fetch(url, entry, onSized));
      this.#unreachable = 0;
    } catch (error) {
      const failure = codeAndMessage(error);
      if (failure.code === 'IS_DIRECTORY' && this.#context.options.isRecursive) this.#becomesDirectory(url);
      else await this.#fail(url, failure.code === 'IS_DIRECTORY' ? IS_DIRECTORY : failure);
    }
  }

  /** Of what was named. A directory is walked later. */
  async #isDirectory(url: string): Promise<boolean> {
    const { cache, options } = this.#context;
    if (!options.isRecursive && !isHost(url)) return false;
    const kind = isHost(url) ? 'directory' : await cache.kindOf(url, this.#controller.signal);
    if (kind === 'file') return false;
    if (!options.isRecursive) throw Object.assign(new Error(IS_DIRECTORY.message), IS_DIRECTORY);
    this.#becomesDirectory(url);
    return true;
  }

  #becomesDirectory(url: string): void {
    this.#counts.totalFiles -= 1;
    this.#directories.push(url);
  }

  async #fetch(url: string, entry: WarmEntry | undefined, onSized: () => void): Promise<void> {
    const { cache, room } = this.#context;
    const counts = this.#counts;
    await cache.fetch(url, {
      signal: this.#controller.signal,
      onSize: async (sizeBytes) => {
        counts.totalBytes += sizeBytes - (entry?.sizeBytes ?? 0);
        onSized();
        this.#takenBytes += await room.take(url, sizeBytes);
      },
      onStored: (bytes, isNew) => {
        counts.doneBytes += bytes;
        if (isNew) counts.fetchedBytes += bytes;
      },
    });
    counts.files += 1;
  }

  async #check(url: string, entry: WarmEntry | undefined): Promise<void> {
    const { cache, onLine } = this.#context;
    const { sizeBytes, storedBytes } = await cache.storedPart(url, entry?.listed);
    this.#counts.totalBytes += (sizeBytes ?? 0) - (entry?.sizeBytes ?? 0);
    this.#counts.doneBytes += storedBytes;
    if (storedBytes === sizeBytes) this.#counts.files += 1;
    else await onLine({ url, done_bytes: storedBytes, total_bytes: sizeBytes ?? null });
  }

  async #fail(url: string, { code, message }: { code: string; message: string }): Promise<void> {
    if (this.#isEnded) return;
    this.#counts.failed += 1;
    this.#lastFailure = { url, code, message };
    await this.#context.onLine({ url, error: { code, message } });
    if (code === 'NO_ROOM') this.#end('failed', { code, message });
    this.#unreachable = UNREACHABLE.has(code) ? this.#unreachable + 1 : 0;
    if (this.#unreachable < MAX_UNREACHABLE) return;
    const found = `the last ${MAX_UNREACHABLE} files could not be reached: ${message}`;
    this.#end('failed', { code: 'UNREACHABLE', message: found });
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

function isHost(url: string): boolean {
  return !url.slice(url.indexOf('://') + 3).includes('/');
}

function codeAndMessage(error: unknown): { code: string; message: string } {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  return { code: typeof code === 'string' ? code : 'INTERNAL', message };
}
