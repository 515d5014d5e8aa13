import { readdirSync, readlinkSync } from 'node:fs';

/** Whether a process has a file open: then it waits in a read. */
export function isOpen(pid: number | undefined, path: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
}
