import { existsSync, readFileSync } from 'node:fs';

import test from 'ava';

import { hugePageMemory } from '../../bin/huge-page-memory.js';
import { loadSyscalls } from '../../src/native/posix.js';

const MIB = 1024 * 1024;
const MODE = '/sys/kernel/mm/transparent_hugepage/enabled';

/** Of the mapping that an address lies in, from proc_pid_smaps(5). */
function hugeKilobytesAt(address: bigint): number {
  let isIn = false;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) isIn = BigInt(`0x${range[1]}`) <= address && address < BigInt(`0x${range[2]}`);
    const huge = /^AnonHugePages: +(\d+) kB/.exec(line)?.[1];
    if (isIn && huge !== undefined) return Number(huge);
  }
  return 0;
}

test('memory for blocks lies in large pages, where the system has them', async (t) => {
  const [allocate, syscalls] = [await hugePageMemory(), await loadSyscalls()];
  if (allocate === undefined) return t.fail();
  const memory = allocate(8 * MIB);
  t.is(memory.byteLength, 8 * MIB);
  const address = syscalls.addressOf(memory);
  t.is(address % BigInt(2 * MIB), 0n);
  t.is(syscalls.addressOf(memory.subarray(4096)), address + 4096n);
  memory.fill(1);
  const mode = existsSync(MODE) ? readFileSync(MODE, 'utf8') : '';
  if (/\[(always|madvise)\]/.test(mode)) t.true(hugeKilobytesAt(address) >= 4 * 1024);
  else t.log('this system has none');
});
