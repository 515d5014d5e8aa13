/** `d7y-mount restart`: another process, of the program that is on disk now, goes on with a mount. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { safeLines } from '../src/source/safe-text.js';
import { CommandFailure, EXIT } from './command-failure.js';
import { call, type ReachedMount, reachMount } from './reach-mount.js';
import { servingProcess } from './serving-process.js';
import type { ShownStatus } from './status-lines.js';

const ANSWER_LIMIT_MS = 30_000;
const RESTART_LIMIT_MS = 60_000;
const POLL_MS = 20;

export async function restartCommand(
  given: string | undefined,
  { json }: { readonly json: boolean },
): Promise<number> {
  const before = await reachMount(given);
  const { value: old } = await call(before, 'GET', '/v1/status');
  const { version: from } = old as ShownStatus;
  await call(before, 'POST', '/v1/restart', { limitMs: ANSWER_LIMIT_MS });
  const { pid, version } = await next(before);
  const result = { mountpoint: before.mount.mountpoint, pid, from, to: version };
  const text = `${result.mountpoint}: process ${pid} goes on with it, version ${from === version ? version : `${version} after ${from}`}`;
  process.stdout.write(`${json ? JSON.stringify(result) : safeLines(text)}\n`);
  return 0;
}

/** What the next process says of itself. */
async function next({ mount, server }: ReachedMount): Promise<ShownStatus> {
  for (let waitedMs = 0; waitedMs < RESTART_LIMIT_MS; waitedMs += POLL_MS) {
    const now = await servingProcess(mount);
    if (now !== undefined && now.pid !== server.pid) {
      return (await call({ mount, server: now }, 'GET', '/v1/status')).value as ShownStatus;
    }
    await sleep(POLL_MS);
  }
  throw new CommandFailure(
    EXIT.unhealthy,
    `no other process goes on with ${mount.mountpoint}; its log says why`,
  );
}
