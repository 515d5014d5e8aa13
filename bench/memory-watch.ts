import { readFile } from 'node:fs/promises';

const INTERVAL_MS = 50;

/** Watches how much memory a process has resident. Returns what ends it and gives the most, in bytes. */
export function watchMemory(pid: number): () => number {
  let most = 0;
  const sample = async (): Promise<void> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    most = Math.max(most, Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024);
  };
  const timer = setInterval(() => void sample(), INTERVAL_MS);
  return () => {
    clearInterval(timer);
    return most;
  };
}
