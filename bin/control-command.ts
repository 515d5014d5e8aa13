/** The commands that show and operate mounts. Each resolves to its exit code. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Stats } from '../src/control/stats.js';
import type { Mount } from '../src/mount/mount-table.js';
import { safeLines } from '../src/source/safe-text.js';
import { EXIT } from './command-failure.js';
import { call, mountsOfUser, reachMount } from './reach-mount.js';
import { hasEndedServer, isKept, servingProcess } from './serving-process.js';
import { statsLine, statsSince, statsTotals } from './stats-lines.js';
import { type ShownStatus, statusLines } from './status-lines.js';

interface JsonOption {
  readonly json: boolean;
}

interface ListedMount {
  readonly mountpoint: string;
  readonly source: string;
  readonly device: string;
  readonly pid: number | null;
  readonly version: string | null;
  /** `unknown`: its process cannot be found from here. */
  readonly state: ShownStatus['state'] | 'unresponsive' | 'restarting' | 'broken' | 'unknown';
}

export async function listMounts({ json }: JsonOption): Promise<number> {
  const mounts = await Promise.all((await mountsOfUser()).map(listed));
  if (json) printJson(mounts);
  else
    for (const { mountpoint, state, pid } of mounts)
      print(`${mountpoint}  ${state}  ${pid === null ? '' : `process ${pid}`}`.trimEnd());
  return 0;
}

async function listed(mount: Mount): Promise<ListedMount> {
  const { mountpoint, source, device } = mount;
  const server = await servingProcess(mount);
  const known = { mountpoint, source, device, pid: server?.pid ?? null };
  if (server === undefined) {
    const hasEnded = await hasEndedServer(mount);
    const state = !hasEnded ? 'unknown' : (await isKept(mount)) ? 'restarting' : 'broken';
    return { ...known, version: null, state };
  }
  try {
    const { value } = await call({ mount, server }, 'GET', '/v1/status');
    const { version, state } = value as ShownStatus;
    return { ...known, version, state };
  } catch {
    return { ...known, version: null, state: 'unresponsive' };
  }
}

/** `live` and `ready` print nothing. */
export async function showStatus(
  given: string | undefined,
  { json, live, ready }: JsonOption & { readonly live: boolean; readonly ready: boolean },
): Promise<number> {
  const reached = await reachMount(given);
  if (live || ready) {
    const { status } = await call(reached, 'GET', ready ? '/readyz' : '/livez');
    return status === 200 ? 0 : EXIT.unhealthy;
  }
  const { value } = await call(reached, 'GET', '/v1/status');
  const status = value as ShownStatus;
  if (json) printJson(status);
  else for (const line of statusLines(status)) print(line);
  return 0;
}

export async function showStats(
  given: string | undefined,
  { json, interval, count }: JsonOption & { readonly interval: number | undefined; readonly count: number },
): Promise<number> {
  const reached = await reachMount(given);
  const read = async (): Promise<Stats> => (await call(reached, 'GET', '/v1/stats')).value as Stats;
  let before = await read();
  if (interval === undefined) {
    if (json) printJson(before);
    else for (const line of statsTotals(before)) print(line);
    return 0;
  }
  for (let left = count; left > 0; left -= 1) {
    await sleep(interval);
    const now = await read();
    const difference = statsSince(before, now);
    if (json) printJson(difference);
    else print(statsLine(difference));
    before = now;
  }
  return 0;
}

export async function setLogLevel(
  level: string,
  given: string | undefined,
  { json }: JsonOption,
): Promise<number> {
  const { value } = await call(await reachMount(given), 'POST', '/v1/log-level', { body: { level } });
  if (json) printJson(value);
  return 0;
}

const RELOAD_LIMIT_MS = 30_000;

export async function reloadMount(given: string | undefined, { json }: JsonOption): Promise<number> {
  const { value } = await call(await reachMount(given), 'POST', '/v1/reload', { limitMs: RELOAD_LIMIT_MS });
  const { changed, needs_remount: kept } = value as { changed: string[]; needs_remount: string[] };
  if (json) printJson(value);
  else {
    print(changed.length === 0 ? 'nothing has changed' : `changed: ${changed.join(', ')}`);
    if (kept.length > 0) print(`these need a new mount, and stay as they are: ${kept.join(', ')}`);
  }
  return 0;
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function print(line: string): void {
  process.stdout.write(`${safeLines(line)}\n`);
}
