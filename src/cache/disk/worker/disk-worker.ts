/** The thread that changes the files of stores, one job after the other; what only reads goes on beside them. */
import { parentPort } from 'node:worker_threads';

import type { CheckJob, CheckResult, WarmJob } from './check-file.js';
import { Durability } from './durability.js';
import {
  FileChanges,
  type PatchJob,
  type PunchJob,
  type WriteJob,
  type WriteResult,
} from './file-changes.js';
import { plainError, type Reply, type ReplyMessage, type Request, type RequestMessage } from './messages.js';
import { scanShard, type ShardEntries } from './scan-shard.js';

/** What the thread does for a store. */
export class Jobs {
  readonly #root: string;
  readonly #changes: FileChanges;
  readonly #durability: Durability;

  constructor({ store, root, syncAfterMs }: RequestMessage) {
    this.#root = root;
    this.#changes = new FileChanges(root);
    this.#durability = new Durability(root, syncAfterMs, (unsynced, error) =>
      send({ store, unsynced, error }),
    );
  }

  write(job: WriteJob): WriteResult {
    this.#durability.add(job.name);
    return this.#changes.write(job);
  }

  patch(patches: readonly PatchJob[]): void {
    for (const patch of patches) this.#changes.patch(patch);
  }

  punch(job: PunchJob): Promise<WriteResult> {
    return this.#changes.punch(job);
  }

  remove(name: string): void {
    this.#durability.delete(name);
    this.#changes.remove(name);
  }

  scan(shard: string): ShardEntries {
    return scanShard(this.#root, shard, this.#changes);
  }

  async check(job: CheckJob): Promise<CheckResult> {
    return await (await import('./check-file.js')).checkFile(job);
  }

  /** Brings a file into the page cache. */
  async warm(job: WarmJob): Promise<void> {
    await (await import('./check-file.js')).warmFile(job);
  }

  /** The store ends: makes durable what was written; false: that is too much for it. */
  close(): Promise<boolean> {
    return this.#durability.syncAll();
  }
}

const stores = new Map<number, Jobs>();
let last: Promise<void> = Promise.resolve();

function send(message: ReplyMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
  parentPort?.postMessage(message);
}

async function replyTo(jobs: Jobs, [id, kind, job]: Request): Promise<Reply> {
  try {
    // `DiskThread.run` checks both.
    const run = jobs[kind as keyof Jobs] as (given: unknown) => unknown;
    return [id, await run.call(jobs, job), undefined];
  } catch (error) {
    return [id, undefined, plainError(error)];
  }
}

async function runAll(message: RequestMessage): Promise<void> {
  const { store, requests } = message;
  const jobs = stores.get(store) ?? new Jobs(message);
  stores.set(store, jobs);
  const replies: Reply[] = [];
  for (const request of requests) {
    const [, kind] = request;
    if (kind === 'check' || kind === 'warm')
      void replyTo(jobs, request).then((reply) => send({ store, replies: [reply], isBatch: false }));
    else replies.push(await replyTo(jobs, request));
    if (kind === 'close') stores.delete(store);
  }
  send({ store, replies, isBatch: true });
}

parentPort?.on('message', (message: RequestMessage) => {
  last = last.then(() => runAll(message));
});
