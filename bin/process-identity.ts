import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/** One process for all time: the kernel gives its number to another one later, but never with the same start. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and its start (proc(5), `starttime`). */
  readonly startTicks: string;
}

/** Undefined: there is no such process, or it ended and was not waited for yet. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may hold anything: the fields are counted behind its end, from the third on.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields[18];
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks };
}

export async function isRunning({ pid, startTicks }: ProcessIdentity): Promise<boolean> {
  return (await identifyProcess(pid))?.startTicks === startTicks;
}

/** Waits until the process is gone. False: it was still there after `limitMs`. */
export async function whenProcessEnded(found: ProcessIdentity, limitMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += POLL_MS) {
    if (!(await isRunning(found))) return true;
    await sleep(POLL_MS);
  }
  return false;
}
