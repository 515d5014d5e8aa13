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
  const [source, syscalls] = [await hugePageMemory(), await loadSyscalls()];
  if (source === undefined) return t.fail();
  const memory = source.allocate(8 * MIB);
  t.is(memory.byteLength, 8 * MIB);
  const address = syscalls.addressOf(memory);
  t.is(address % BigInt(2 * MIB), 0n);
  t.is(syscalls.addressOf(memory.subarray(4096)), address + 4096n);
  memory.fill(1);
  const mode = existsSync(MODE) ? readFileSync(MODE, 'utf8') : '';
  if (/\[(always|madvise)\]/.test(mode)) t.true(hugeKilobytesAt(address) >= 4 * 1024);
  else t.log('this system has none');
});

test('memory is there before it is touched, and keeps what is in it', async (t) => {
  const [source, syscalls] = [await hugePageMemory(), await loadSyscalls()];
  if (source === undefined) return t.fail();
  const memory = source.allocate(16 * MIB);
  memory.write('kept', 5 * MIB);
  const beforeBytes = residentBytes();
  t.true(await syscalls.populate(memory));
  t.true(residentBytes() - beforeBytes > 8 * MIB);
  t.is(memory.toString('latin1', 5 * MIB, 5 * MIB + 4), 'kept');
  t.is(memory[9 * MIB], 0);
});

/** From proc_pid_smaps(5), which counts exactly. */
function residentBytes(): number {
  return Number(/^Rss: +(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]) * 1024;
}
