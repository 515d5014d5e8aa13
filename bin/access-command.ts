/** `d7y-mount stats --by pid|uid|path`. */
import { readFileSync } from 'node:fs';
import process from 'node:process';

import { followControl } from '../src/control/control-client.js';
import { escapeControls, safeJson } from '../src/source/safe-text.js';
import { type AccessKey, type AccessRow, AccessTotals } from './access-totals.js';
import { CommandFailure, EXIT } from './command-failure.js';
import { reachMount } from './reach-mount.js';
import { controlSocket } from './serving-process.js';

const DEFAULT_INTERVAL_MS = 1_000;
const SHOWN_ROWS = 20;

export interface AccessOptions {
  readonly by: AccessKey;
  readonly json: boolean;
  readonly interval: number | undefined;
  readonly count: number;
}

/** Prints rows for each interval. Resolves to the exit code. */
export async function showAccess(given: string | undefined, options: AccessOptions): Promise<number> {
  const { by, json, interval = DEFAULT_INTERVAL_MS, count } = options;
  const { mount, server } = await reachMount(given);
  const processes = new Map<string, string>();
  const begun = (): AccessTotals =>
    new AccessTotals(by, by === 'pid' ? (thread) => processOf(thread, processes) : undefined);
  let totals = begun();
  let left = count;
  const end = new AbortController();
  const timer = setInterval(() => {
    print(totals, by, interval / 1000, json);
    totals = begun();
    left -= 1;
    processes.clear();
    if (left <= 0) end.abort();
  }, interval);
  try {
    for await (const line of followControl(controlSocket(mount, server), '/v1/accesslog', end.signal)) {
      totals.add(line);
    }
  } finally {
    clearInterval(timer);
  }
  if (!end.signal.aborted) throw new CommandFailure(EXIT.notRunning, `${mount.mountpoint} was unmounted`);
  return 0;
}

function print(totals: AccessTotals, by: AccessKey, seconds: number, json: boolean): void {
  const time = new Date().toISOString();
  const { rows, dropped } = totals;
  if (json) {
    const shown = rows.map(({ key, readBytes, ...row }) => ({ [by]: key, read_bytes: readBytes, ...row }));
    const line = JSON.stringify({ time, interval_seconds: seconds, dropped, rows: shown });
    process.stdout.write(`${safeJson(line)}\n`);
    return;
  }
  const lost = dropped === 0 ? '' : `, ${dropped} lines lost`;
  const more = rows.length > SHOWN_ROWS ? `, the first ${SHOWN_ROWS} of ${rows.length}` : '';
  process.stdout.write(`${time}${more}${lost}\n`);
  for (const row of rows.slice(0, SHOWN_ROWS)) process.stdout.write(`  ${lineOf(row, by, seconds)}\n`);
}

function lineOf(
  { key, operations, errors, readBytes, seconds }: AccessRow,
  by: AccessKey,
  over: number,
): string {
  return [
    `${by} ${escapeControls(key)}`,
    `${Math.round(operations / over)} ops/s`,
    `${errors} errors`,
    `${(readBytes / over / 1e6).toFixed(1)} MB/s`,
    `${seconds.toFixed(3)} s in operations`,
  ].join('; ');
}

/** The log has threads. `known`: those that were looked up. */
function processOf(thread: string, known: Map<string, string>): string {
  const found = known.get(thread) ?? lookUp(thread);
  known.set(thread, found);
  return found;
}

function lookUp(thread: string): string {
  try {
    const status = readFileSync(`/proc/${Number(thread)}/status`, 'utf8');
    const [, pid = thread] = /^Tgid:\s*(\d+)$/m.exec(status) ?? [];
    const [, name = ''] = /^Name:\s*(.*)$/m.exec(status) ?? [];
    return `${pid} (${name})`;
  } catch {
    return thread;
  }
}
