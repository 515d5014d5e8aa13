/**
 * Makes stored segments durable behind the writes: of each the data before the index that names its blocks, then the directories
 * of new files. An index that reaches the disk before its data does no harm: the checksums do not fit.
 */
import type { Semaphore } from './semaphore.js';
import { shardPath } from './layout.js';
import { syncDirectory, syncSegment } from './sync-files.js';
import type { RateLimitedLog } from './rate-limited-log.js';

/** Each is three waits for the disk. The system writes by itself what is older than half a minute. */
const MAX_PER_ROUND = 16;
/** With more segments than this at the end, one syncfs(2) is faster than an fsync of each file. */
const MAX_AT_END = 32;
/** The names of more are not kept: the next round syncs the file system. */
const MAX_NAMES = 1024;

export interface BackgroundSyncOptions {
  readonly root: string;
  /** For how long writes are collected. */
  readonly afterMs: number;
  /** One slow operation of the disk at a time. */
  readonly semaphore: Semaphore;
  readonly warnings: RateLimitedLog;
  /** syncfs(2) of the file system that the store is on. */
  readonly syncFileSystem: () => Promise<void>;
  /** Called after each round: how many segments are not synced yet. */
  readonly onSynced: (left: number) => void;
}

export class BackgroundSync {
  readonly #options: BackgroundSyncOptions;
  /** Segments that were written since they were last synced, oldest first. True: their files are new. */
  readonly #unsynced = new Map<string, boolean>();
  /** Others were written whose names are not kept. */
  #isOverfull = false;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: BackgroundSyncOptions) {
    this.#options = options;
  }

  /** The segment was written. */
  add(name: string, isNew = false): void {
    const known = this.#unsynced.get(name);
    if (known === undefined && this.#unsynced.size >= MAX_NAMES) this.#isOverfull = true;
    else this.#unsynced.set(name, isNew || known === true);
    this.#arm();
  }

  /** The segment is removed. */
  delete(name: string): void {
    this.#unsynced.delete(name);
  }

  /** No round begins any more. Resolves when none runs. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#isStopped = true;
    await this.#round;
  }

  /** Makes all of it durable, after `stop`; tries each once. Never rejects. */
  async syncAll(): Promise<void> {
    // As of now: a segment that fails comes to the end of the map again.
    const names = Array.from(this.#unsynced.keys());
    if (this.#isOverfull || names.length > MAX_AT_END) await this.#syncFileSystem();
    else for (const name of names) await this.#syncSegment(name);
  }

  #arm(): void {
    if (this.#isStopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#runRound().finally(() => {
        this.#timer = undefined;
        this.#options.onSynced(this.#unsynced.size);
        if (this.#isOverfull || this.#unsynced.size > 0) this.#arm();
      });
    }, this.#options.afterMs).unref();
  }

  /** What cannot be synced is left to the next round. */
  async #runRound(): Promise<void> {
    const { semaphore } = this.#options;
    if (this.#isOverfull) return await semaphore.run(() => this.#syncFileSystem());
    for (const name of [...this.#unsynced.keys()].slice(0, MAX_PER_ROUND)) {
      if (this.#isStopped) break;
      // Others that need the semaphore go between two segments.
      await semaphore.run(() => this.#syncSegment(name));
    }
  }

  async #syncFileSystem(): Promise<void> {
    // What is written from now on may be missed.
    this.#isOverfull = false;
    this.#unsynced.clear();
    try {
      await this.#options.syncFileSystem();
    } catch (error) {
      this.#isOverfull = true;
      this.#options.warnings.warn('cannot make the store durable', error);
    }
  }

  async #syncSegment(name: string): Promise<void> {
    const { root, warnings } = this.#options;
    const isNew = this.#unsynced.get(name);
    if (isNew === undefined) return;
    // What is written from now on may be missed.
    this.#unsynced.delete(name);
    try {
      await syncSegment(root, name);
      if (isNew) for (const directory of [shardPath(root, name), root]) await syncDirectory(directory);
    } catch (error) {
      this.#unsynced.set(name, isNew || this.#unsynced.get(name) === true);
      warnings.warn('cannot make the store durable', error);
    }
  }
}
