/** What a mount takes for some work: time, processor time, memory, and what the origin sends. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Served } from './mounts.js';

export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;
const SAMPLE_MS = 50;
/** A request is logged after its last byte, or after its connection was closed. */
const LOG_DELAY_MS = 200;

/**
 * Resolves to what the work resolved to, its time, and the figures of the mount: for each of the parts of the work (operations,
 * or GiB) milliseconds of a processor, requests and KiB; and the most memory, and what of it came with the work, in MiB.
 */
export async function use<Value>(
  { accessLog }: { readonly accessLog: string },
  { pid, workers = [] }: Pick<Served, 'pid' | 'workers'>,
  parts: number,
  work: () => Promise<Value>,
) {
  const [sent, before] = [await traffic(accessLog), await processorOf([pid, ...workers])];
  const resident = await memory(pid);
  let most = resident;
  const timer = setInterval(() => void memory(pid).then((mib) => (most = Math.max(most, mib))), SAMPLE_MS);
  try {
    const began = performance.now();
    const value = await work();
    const seconds = (performance.now() - began) / 1000;
    const after = await processorOf([pid, ...workers]);
    most = Math.max(most, await memory(pid));
    const now = await traffic(accessLog);
    const figures = {
      'main thread': (after.mainMs - before.mainMs) / parts,
      'all threads': (after.allMs - before.allMs) / parts,
      requests: (now.requests - sent.requests) / parts,
      sent: (now.bytes - sent.bytes) / 1024 / parts,
      memory: most,
      growth: most - resident,
    };
    return { value, seconds, figures };
  } finally {
    clearInterval(timer);
  }
}

/** Of the first one the main thread, and of all of them all threads. */
async function processorOf(pids: readonly number[]): Promise<{ mainMs: number; allMs: number }> {
  const each = await Promise.all(pids.map(processor));
  return { mainMs: each[0]?.mainMs ?? 0, allMs: each.reduce((sum, { allMs }) => sum + allMs, 0) };
}

/** Of the threads that run. */
async function processor(pid: number): Promise<{ mainMs: number; allMs: number }> {
  const threadMs = async (id: string): Promise<number> => {
    const text = await readFile(`/proc/${pid}/task/${id}/schedstat`, 'utf8').catch(() => '0');
    return Number(text.split(' ')[0]) / 1e6;
  };
  const threads = await Promise.all((await readdir(`/proc/${pid}/task`)).map(threadMs));
  return { mainMs: await threadMs(String(pid)), allMs: threads.reduce((sum, each) => sum + each, 0) };
}

/** What is resident, in MiB. */
async function memory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

async function traffic(accessLog: string): Promise<{ requests: number; bytes: number }> {
  await sleep(LOG_DELAY_MS);
  const lines = (await readFile(accessLog, 'utf8')).split('\n').slice(0, -1);
  return { requests: lines.length, bytes: lines.reduce((sum, line) => sum + Number(line), 0) };
}
