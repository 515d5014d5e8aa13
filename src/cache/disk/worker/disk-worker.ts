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

// `DiskThread` gives it.
const { root, syncAfterMs } = workerData as ThreadOptions;
const changes = new FileChanges(root);
const durability = new Durability(root, syncAfterMs, (unsynced, error) => send({ unsynced, error }));

const jobs = {
  write(job: WriteJob): WriteResult {
    durability.add(job.name);
    return changes.write(job);
  },
  patch(patches: readonly PatchJob[]): void {
    for (const patch of patches) changes.patch(patch);
  },
  punch: (job: PunchJob): Promise<WriteResult> => changes.punch(job),
  remove(name: string): void {
    durability.delete(name);
    changes.remove(name);
  },
  scan: (shard: string): ShardEntries => scanShard(root, shard, changes),
  /** Of an earlier layout: the path of a file or directory. */
  removeOld,
  check: async (job: CheckJob): Promise<CheckResult> =>
    await (await import('./check-file.js')).checkFile(job),
  /** Brings a file into the page cache. */
  warm: async (job: WarmJob): Promise<void> => await (await import('./check-file.js')).warmFile(job),
  /** The store ends: makes durable what was written; false: that is too much for it. */
  close: (): Promise<boolean> => durability.syncAll(),
};

/** What the thread does. */
export type Jobs = typeof jobs;

let last: Promise<void> = Promise.resolve();

function send(message: ReplyMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
  parentPort?.postMessage(message);
}

async function replyTo([id, kind, job]: Request): Promise<Reply> {
  try {
    // `DiskThread.run` checks both.
    const run = jobs[kind as keyof Jobs] as (given: unknown) => unknown;
    return [id, await run(job), undefined];
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
