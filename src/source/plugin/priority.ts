/**
 * How a plugin's process stands to the others for processor time. Linux weighs threads against each other by
 * their nice values; where it groups sessions, by that of the session (sched(7), autogroup), and a plugin's
 * process leads one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { constants, getPriority, setPriority } from 'node:os';

const LOWEST = constants.priority.PRIORITY_LOW;

/** Puts all threads of a process behind everybody else's. Resolves to false: try again. */
export async function giveLowestPriority(pid: number): Promise<boolean> {
  return await setAll(pid, LOWEST, LOWEST);
}

/** Undoes that, as far as we may: for an ordinary user that of the session is undone, the rest stays. */
export async function giveOwnPriority(pid: number): Promise<boolean> {
  return await setAll(pid, getPriority(), ownSessionPriority());
}

async function setAll(pid: number, ofThreads: number, ofSession: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [String(pid)]);
  for (const thread of threads) {
    try {
      setPriority(Number(thread), ofThreads);
    } catch {
      // It has ended meanwhile, or we may not.
    }
  }
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(ofSession));
    return true;
  } catch (error) {
    // The kernel lets ordinary users do so ten times in a second. Any other failure: sessions are not grouped.
    return !(error instanceof Error && 'code' in error && error.code === 'EAGAIN');
  }
}

function ownSessionPriority(): number {
  try {
    return Number(/ nice (-?\d+)/.exec(readFileSync('/proc/self/autogroup', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
