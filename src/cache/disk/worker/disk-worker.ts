/** The thread that changes the files of a store, one job after the other; what only reads goes on beside them. */
import { parentPort, workerData } from 'node:worker_threads';

import type { CheckJob, CheckResult, WarmJob } from './check-file.js';
import { Durability } from './durability.js';
import {
  FileChanges,
  type PatchJob,
  type PunchJob,
  type WriteJob,
  type WriteResult,
} from './file-changes.js';
import { plainError, type Reply, type ReplyMessage, type Request, type ThreadOptions } from './messages.js';
import { removeOld } from './remove-old.js';
import { scanShard, type ShardEntries } from './scan-shard.js';

/** What the thread does. */
export class Jobs {
  readonly #root: string;
  readonly #changes: FileChanges;
  readonly #durability: Durability;

  constructor({ root, syncAfterMs }: ThreadOptions) {
    this.#root = root;
    this.#changes = new FileChanges(root);
    this.#durability = new Durability(root, syncAfterMs, (unsynced, error) => send({ unsynced, error }));
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

  /** Of an earlier layout: the path of a file or directory. */
  removeOld(path: string): void {
    removeOld(path);
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

// `DiskThread` gives it.
const jobs = new Jobs(workerData as ThreadOptions);
let last: Promise<void> = Promise.resolve();

function send(message: ReplyMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
  parentPort?.postMessage(message);
}

async function replyTo([id, kind, job]: Request): Promise<Reply> {
  try {
    // `DiskThread.run` checks both.
    const run = jobs[kind as keyof Jobs] as (given: unknown) => unknown;
    return [id, await run.call(jobs, job), undefined];
  } catch (error) {
    return [id, undefined, plainError(error)];
  }
}

async function runAll(requests: readonly Request[]): Promise<void> {
  const replies: Reply[] = [];
  for (const request of requests) {
    const [, kind] = request;
    if (kind === 'check' || kind === 'warm')
      void replyTo(request).then((reply) => send({ replies: [reply], isBatch: false }));
    else replies.push(await replyTo(request));
  }
  send({ replies, isBatch: true });
}

parentPort?.on('message', (requests: readonly Request[]) => {
  if (requests.length === 0) parentPort?.close();
  else last = last.then(() => runAll(requests));
});
