import { readFile } from 'node:fs/promises';

/** What a process takes of the machine. */
export interface ProcessUsage {
  readonly residentBytes: number;
  /** The processor time of all its threads since its start. */
  readonly processorMs: number;
}

const PAGE_BYTES = 4096;
/** A tick of /proc, the same on every architecture that Node.js runs on (USER_HZ). */
const TICK_MS = 10;

/** Undefined without /proc, and for a process that has ended. */
export async function readUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc_pid_stat(5): the name may hold anything, also brackets; utime, stime and rss are the fields 14, 15, 24.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system, pages] = [11, 12, 21].map((index) => Number(fields[index]));
    if (user === undefined || system === undefined || pages === undefined) return undefined;
    return { residentBytes: pages * PAGE_BYTES, processorMs: (user + system) * TICK_MS };
  } catch {
    return undefined;
  }
}
