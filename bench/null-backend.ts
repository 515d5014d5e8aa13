/**
 * The transports alone: files that are in memory, each transport beside the other in one run, in processes
 * of their own; and beside them, where there is a C compiler, the least that a server can do (null-server.c),
 * which is what this kernel leaves to be reached. Prints medians of ROUNDS rounds, and ratios. Takes root.
 * Run: npm run bench:null
 */
import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { pino } from 'pino';

import { MetadataBudget } from '../src/memory/metadata-budget.js';
import { raiseKernelReadahead } from '../src/mount/kernel-readahead.js';
import { devFuseTransport } from '../src/mount/dev-fuse/dev-fuse-transport.js';
import { fuseNativeTransport } from '../src/mount/fuse-native/fuse-native-transport.js';
import { MountActivity } from '../src/mount/mount-activity.js';
import { VirtualFs } from '../src/mount/virtual-fs.js';
import { MemoryResources } from '../test/support/memory-resources.js';
import { median } from './median.js';

const ROUNDS = 5;
const PASSES = 4;
const FILE_BYTES = 256 * 1024 * 1024;
/** As much as the longest request, so that what the source costs does not hide what the transport does. */
const PATTERN_BYTES = 1024 * 1024;
const NAMES = 20_000;
const LATENCY_READS = 3_000;
/** What dev-fuse sets in the kernel. */
const READAHEAD_KB = 4096;
const TRANSPORTS = ['dev-fuse', 'fuse-native'] as const;
type TransportName = (typeof TRANSPORTS)[number] | 'local file' | 'passthrough' | typeof FLOOR;
const FLOOR = 'null-server';
const FLOOR_SOURCE = fileURLToPath(new URL('../../bench/null-server.c', import.meta.url));

const LOOKUPS = `
import os, sys, time
begin = time.time()
for i in range(${NAMES}): os.stat(f'{sys.argv[1]}/name-{i}.bin')
print(${NAMES} / (time.time() - begin))
`;
/** The time of one small uncached read, which no readahead hides. */
const LATENCY = `
import mmap, os, sys, time
f = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT); page = mmap.mmap(-1, 4096)
begin = time.time()
for i in range(${LATENCY_READS}): os.preadv(f, [page], i * 65536)
print((time.time() - begin) / ${LATENCY_READS} * 1e6)
`;

async function serve(transport: string, mountpoint: string, copy: string): Promise<void> {
  const resources = new MemoryResources();
  const bytes = Buffer.alloc(PATTERN_BYTES, 'd7y');
  const large = { bytes, sizeBytes: FILE_BYTES, etag: '"1"' };
  resources.files.set('mem://host/large.bin', large);
  resources.files.set('mem://host/copied.bin', { ...large, localFd: openSync(copy, 'r') });
  for (let i = 0; i < NAMES; i += 1) {
    resources.files.set(`mem://host/name-${i}.bin`, { bytes: bytes.subarray(0, 1), etag: '"1"' });
  }
  const plugins = {
    isServed: () => Promise.resolve(true),
    listClients: () => ['mem'],
    describe: () => undefined,
  };
  const vfs = new VirtualFs({
    cache: resources,
    plugins,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget: MetadataBudget.beside(0),
  });
  const log = pino({ level: 'silent' });
  const chosen = transport === 'dev-fuse' ? devFuseTransport(log) : fuseNativeTransport(log);
  const session = await chosen.mount(vfs, mountpoint, {
    allowOther: false,
    checksPermissions: false,
    source: 'd7y-mount',
    exec: true,
    passthrough: true,
    operationLimitMs: 10_000,
    activity: new MountActivity(),
  });
  process.send?.('ready');
  await session.ended;
  process.exit(0);
}

function seconds(command: string, args: readonly string[]): number {
  const begin = performance.now();
  execFileSync(command, args, { stdio: 'ignore' });
  return (performance.now() - begin) / 1000;
}

/**
 * Nothing is in the kernel's page cache before. The first of the passes is not counted: in a virtual machine
 * it waits for the host, which gives memory that has long been free anew.
 */
function megabytesPerSecond(file: string, ...flags: string[]): number {
  const passes = Array.from({ length: PASSES }, () => {
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    return FILE_BYTES / 1e6 / seconds('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M', ...flags]);
  });
  return median(passes.slice(1));
}

function python(script: string, path: string): number {
  return Number(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }));
}

class Table {
  readonly #rows = new Map<string, Map<TransportName, number[]>>();

  add(row: string, name: TransportName, value: number): void {
    const values = this.#rows.get(row) ?? new Map<TransportName, number[]>();
    this.#rows.set(row, values.set(name, [...(values.get(name) ?? []), value]));
  }

  print(): void {
    for (const [row, values] of this.#rows) {
      const beside = median(values.get('fuse-native') ?? values.get('local file') ?? []);
      for (const [name, list] of values) {
        const value = median(list);
        const ratio = (value / beside).toFixed(2);
        console.log(`${row.padEnd(30)} ${name.padEnd(12)} ${value.toFixed(0).padStart(6)}  ${ratio}`);
      }
    }
  }
}

async function ready(child: ChildProcess): Promise<void> {
  await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.stdout?.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`the mount ended with ${code}`)));
  });
}

/** Undefined without a C compiler. */
function compileFloor(work: string): string | undefined {
  const program = join(work, FLOOR);
  return spawnSync('cc', ['-O2', '-o', program, FLOOR_SOURCE]).status === 0 ? program : undefined;
}

function measureServer(table: Table, name: TransportName, host: string): void {
  const large = join(host, 'large.bin');
  table.add('lookups per second', name, python(LOOKUPS, host));
  table.add('4 KiB direct, microseconds', name, python(LATENCY, large));
  table.add('sequential, direct, MB/s', name, megabytesPerSecond(large, 'iflag=direct'));
  table.add('sequential, MB/s', name, megabytesPerSecond(large));
}

async function measureTransport(
  table: Table,
  transport: (typeof TRANSPORTS)[number],
  mountpoint: string,
  copy: string,
): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [transport, mountpoint, copy]);
  await ready(child);
  const host = join(mountpoint, 'mem', 'host');
  try {
    measureServer(table, transport, host);
    if (transport !== 'dev-fuse') return;
    table.add('local copy, MB/s', 'passthrough', megabytesPerSecond(join(host, 'copied.bin')));
    table.add('local copy, MB/s', 'local file', megabytesPerSecond(copy));
  } finally {
    await unmount(child, mountpoint);
  }
}

async function measureFloor(table: Table, program: string, mountpoint: string): Promise<void> {
  const child = spawn(program, [mountpoint, String(FILE_BYTES)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await ready(child);
  try {
    await raiseKernelReadahead(mountpoint, READAHEAD_KB);
    measureServer(table, FLOOR, join(mountpoint, 'mem', 'host'));
  } finally {
    await unmount(child, mountpoint);
  }
}

async function unmount(child: ChildProcess, mountpoint: string): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  execFileSync('umount', ['-l', mountpoint]);
  await ended;
}

async function compare(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'd7y-bench-'));
  const mountpoint = join(work, 'mnt');
  const copy = join(work, 'copy');
  mkdirSync(mountpoint);
  // On disk at once: pages that are not are never dropped.
  writeFileSync(copy, Buffer.alloc(FILE_BYTES, 'd7y'), { flush: true });
  const table = new Table();
  const floor = compileFloor(work);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const transport of TRANSPORTS) await measureTransport(table, transport, mountpoint, copy);
    if (floor !== undefined) await measureFloor(table, floor, mountpoint);
  }
  table.print();
  rmSync(work, { recursive: true, force: true });
}

const [transport, mountpoint, copy] = process.argv.slice(2);
if (transport !== undefined && mountpoint !== undefined && copy !== undefined) {
  await serve(transport, mountpoint, copy);
} else {
  await compare();
}
