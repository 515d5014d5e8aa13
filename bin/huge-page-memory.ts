/**
 * Memory in large pages, where the system has them: with pages of 4 KiB, more of the time that it takes to
 * receive a body into cold memory goes into looking up pages than into copying (measured: 0.75 s instead of
 * 0.2 s per GiB, on a virtual machine, where a look-up walks two tables).
 *
 * The first touch of a large page takes long: 0.3 ms to clear it, and 4.5 ms where the host of a virtual machine
 * has to find it first (measured: one of 37 random reads took 5 ms instead of 0.25). So it is touched ahead of
 * its use, on another thread.
 */
import type { MemorySource } from '../src/cache/memory-source.js';
import { loadSyscalls } from '../src/native/posix.js';

/** The size of a large page on x86-64, and on arm64 with small pages of 4 KiB. */
const HUGE_PAGE_BYTES = 2 * 1024 * 1024;

/** Undefined where the system calls for it cannot be had. */
export async function hugePageMemory(): Promise<MemorySource | undefined> {
  const syscalls = await loadSyscalls().catch(() => undefined);
  if (syscalls === undefined) return undefined;
  return {
    allocate: (bytes) => {
      const memory = Buffer.allocUnsafeSlow(bytes + HUGE_PAGE_BYTES);
      const beyond = Number(syscalls.addressOf(memory) % BigInt(HUGE_PAGE_BYTES));
      const start = beyond === 0 ? 0 : HUGE_PAGE_BYTES - beyond;
      const aligned = memory.subarray(start, start + bytes);
      try {
        syscalls.adviseHugePages(aligned);
      } catch {
        // A kernel without them: it is memory all the same.
      }
      return aligned;
    },
    prepare: (memory) => {
      // A kernel that cannot (before 5.14), or has no memory now: it is touched when it is used.
      void syscalls.populate(memory);
    },
  };
}
