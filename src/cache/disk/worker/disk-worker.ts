/** The thread that changes the files of stores, one job after the other; what only reads goes on beside them. */
import { parentPort } from 'node:worker_threads';

import { Durability } from './durability.js';
import { FileChanges } from './file-changes.js';
import {
  plainError,
  type Reply,
  type ReplyMessage,
  type Request,
  type RequestMessage,
  type StoreOptions,
} from './jobs.js';
import { removeOldShard } from './remove-old-shard.js';
import { scanShard } from './scan-shard.js';

interface Store {
  readonly root: string;
  readonly changes: FileChanges;
  readonly durability: Durability;
}

const stores = new Map<number, Store>();
let last: Promise<void> = Promise.resolve();

function send(message: ReplyMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is of windows
  parentPort?.postMessage(message);
}

function storeOf({ store, root, syncAfterMs }: StoreOptions): Store {
  const known = stores.get(store);
  if (known !== undefined) return known;
  const onRound = (unsynced: number, error: ReturnType<typeof plainError> | undefined): void =>
    send({ store, unsynced, error });
  const made = {
    root,
    changes: new FileChanges(root),
    durability: new Durability(root, syncAfterMs, onRound),
  };
  stores.set(store, made);
  return made;
}

async function run({ root, changes, durability }: Store, [, kind, job]: Request): Promise<unknown> {
  switch (kind) {
    case 'write':
      durability.add(job.name);
      return changes.write(job);
    case 'patch':
      for (const patch of job) changes.patch(patch);
      return undefined;
    case 'punch':
      return await changes.punch(job);
    case 'remove':
      durability.delete(job);
      return changes.remove(job);
    case 'scan':
      return scanShard(root, job, changes);
    case 'check':
      return await (await import('./check-file.js')).checkFile(job);
    case 'warm':
      return await (await import('./check-file.js')).warmFile(job);
    case 'removeOldShard':
      return removeOldShard(job);
    case 'close':
      return await durability.syncAll();
  }
}

async function replyTo(store: Store, request: Request): Promise<Reply> {
  try {
    return [request[0], await run(store, request), undefined];
  } catch (error) {
    return [request[0], undefined, plainError(error)];
  }
}

async function runAll(message: RequestMessage): Promise<void> {
  const { store, requests } = message;
  const own = storeOf(message);
  const replies: Reply[] = [];
  for (const request of requests) {
    if (request[1] === 'check' || request[1] === 'warm')
      void replyTo(own, request).then((reply) => send({ store, replies: [reply], isBatch: false }));
    else replies.push(await replyTo(own, request));
    if (request[1] === 'close') stores.delete(store);
  }
  send({ store, replies, isBatch: true });
}

parentPort?.on('message', (message: RequestMessage) => {
  last = last.then(() => runAll(message));
});
