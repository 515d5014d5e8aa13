/**
 * Makes what was stored durable while the mount runs, behind the writes, so that a power loss takes the last seconds
 * only.
 *
 * Of each segment the data is synced before the index that names its blocks, and then the directories of new ones. An index
 * that is on the disk before its data, which the system may bring about by itself, does no harm: the checksums do
 * not fit then, and the blocks are fetched again.
 */
import type { Lane } from './lane.js';
import { shardPath } from './layout.js';
import { syncDirectory, syncSegment } from './sync-files.js';
import type { TroubleLog } from './trouble-log.js';

/** Each is three waits for the disk. The system writes by itself what is older than half a minute. */
const MAX_PER_ROUND = 16;
/** The names of more are not kept. */
const MAX_NAMES = 1024;

export interface BackgroundSyncOptions {
  readonly root: string;
  /** For how long writes are collected. */
  readonly afterMs: number;
  /** One slow operation of the disk at a time. */
  readonly lane: Lane;
  readonly trouble: TroubleLog;
  /** Called after each round: how many segments it has synced, and how many were written meanwhile or had to wait. */
  readonly onSynced: (segments: number, left: number) => void;
}

export class BackgroundSync {
  readonly #options: BackgroundSyncOptions;
  /** Written since they were synced last; the one that was written first comes first. */
  readonly #names = new Set<string>();
  /** Those whose entries in the directories are not known to be durable. */
  readonly #created = new Set<string>();
  /** Others were written whose names are not kept. */
  isOverfull = false;
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #isStopped = false;

  constructor(options: BackgroundSyncOptions) {
    this.#options = options;
  }

  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** The segment was written. */
  add(name: string): void {
    if (this.#names.size < MAX_NAMES || this.#names.has(name)) this.#names.add(name);
    else this.isOverfull = true;
    this.#arm();
  }

  /** The segment's files are new. */
  addCreated(name: string): void {
    if (this.#created.size < MAX_NAMES) this.#created.add(name);
    this.add(name);
  }

  /** The segment is removed. */
  delete(name: string): void {
    this.#names.delete(name);
    this.#created.delete(name);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isStopped = true;
  }

  #arm(): void {
    if (this.#isStopped || this.#isRunning || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#isRunning = true;
      void this.#run().finally(() => {
        this.#isRunning = false;
        if (this.#names.size > 0) this.#arm();
      });
    }, this.#options.afterMs).unref();
  }

  async #run(): Promise<void> {
    const round = [...this.#names].slice(0, MAX_PER_ROUND);
    // Others who need the lane go between two segments.
    for (const name of round) await this.#options.lane.run(() => this.#sync(name));
    this.#options.onSynced(round.length, this.#names.size);
  }

  /** One that fails is no reason to leave the others. */
  async #sync(name: string): Promise<void> {
    if (this.#isStopped) return;
    const { root, trouble } = this.#options;
    try {
      this.#names.delete(name);
      await syncSegment(root, name);
      if (!this.#created.has(name)) return;
      await syncDirectory(shardPath(root, name));
      await syncDirectory(root);
      this.#created.delete(name);
    } catch (error) {
      trouble.note('cannot make the store durable', error);
    }
  }
}
