/**
 * How a plugin's process stands to the others for processor time. Linux weighs threads against each other by
 * their nice values; where it groups sessions, by that of the session (sched(7), autogroup), and a plugin's
 * process leads one.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

const LOWEST = constants.priority.PRIORITY_LOW;
/** So many times the threads are listed, before it is left to another try. */
const MAX_ROUNDS = 8;

/** Puts all threads of a process behind everybody else's. False: try again. */
export function giveLowestPriority(pid: number): boolean {
  return setAll(pid, LOWEST, LOWEST);
}

/** Undoes that, as far as we may: for an ordinary user that of the session is undone, the rest stays. */
export function giveOwnPriority(pid: number): boolean {
  return setAll(pid, getPriority(), ownSessionPriority());
}

function setAll(pid: number, ofThreads: number, ofSession: number): boolean {
  if (!setThreads(pid, ofThreads)) return false;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(ofSession));
    return true;
  } catch (error) {
    // The kernel lets ordinary users do so ten times in a second. Any other failure: sessions are not grouped.
    return !(error instanceof Error && 'code' in error && error.code === 'EAGAIN');
  }
}

/**
 * A thread that is started meanwhile has the priority of the one that started it, which may be the old one:
 * done is only who finds no new ones.
 */
function setThreads(pid: number, priority: number): boolean {
  const done = new Set<string>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const found = threadsOf(pid).filter((thread) => !done.has(thread));
    if (found.length === 0) return true;
    for (const thread of found) {
      done.add(thread);
      try {
        setPriority(Number(thread), priority);
      } catch {
        // It has ended meanwhile, or we may not.
      }
    }
  }
  return false;
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [String(pid)];
  }
}

function ownSessionPriority(): number {
  try {
    return Number(/ nice (-?\d+)/.exec(readFileSync('/proc/self/autogroup', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
