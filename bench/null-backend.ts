/**
 * The transports alone: files that are in memory, each transport beside the other in one run, in processes
 * of their own. Prints medians of ROUNDS rounds, and ratios. Takes root. Run: npm run bench:null
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { pino } from 'pino';

import { devFuseTransport } from '../src/mount/dev-fuse/dev-fuse-transport.js';
import { fuseNativeTransport } from '../src/mount/fuse-native/fuse-native-transport.js';
import { VirtualFs } from '../src/mount/virtual-fs.js';
import { MemoryResources } from '../test/support/memory-resources.js';

const ROUNDS = 5;
const FILE_BYTES = 256 * 1024 * 1024;
const NAMES = 20_000;
const LATENCY_READS = 3_000;
const TRANSPORTS = ['dev-fuse', 'fuse-native'] as const;
type TransportName = (typeof TRANSPORTS)[number] | 'local file' | 'passthrough';

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
  const bytes = Buffer.alloc(FILE_BYTES, 'd7y');
  resources.files.set('mem://host/large.bin', { bytes, etag: '"1"' });
  resources.files.set('mem://host/copied.bin', { bytes, etag: '"1"', localFd: openSync(copy, 'r') });
  for (let i = 0; i < NAMES; i += 1) {
    resources.files.set(`mem://host/name-${i}.bin`, { bytes: bytes.subarray(0, 1), etag: '"1"' });
  }
  const plugins = {
    isServed: () => Promise.resolve(true),
    listClients: () => ['mem'],
    describe: () => undefined,
  };
  const vfs = new VirtualFs({ cache: resources, plugins, ownership: { uid: 0, gid: 0, umask: 0 } });
  const log = pino({ level: 'silent' });
  const chosen = transport === 'dev-fuse' ? devFuseTransport(log) : fuseNativeTransport(log);
  const session = await chosen.mount(vfs, mountpoint, {
    allowOther: false,
    passthrough: true,
    operationLimitMs: 10_000,
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

/** Nothing is in the kernel's page cache before. */
function megabytesPerSecond(file: string, ...flags: string[]): number {
  writeFileSync('/proc/sys/vm/drop_caches', '1');
  return FILE_BYTES / 1e6 / seconds('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M', ...flags]);
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
      const last = median([...values.values()].at(-1) ?? []);
      for (const [name, list] of values) {
        const value = median(list);
        const ratio = (value / last).toFixed(2);
        console.log(`${row.padEnd(30)} ${name.padEnd(12)} ${value.toFixed(0).padStart(6)}  ${ratio}`);
      }
    }
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function ready(child: ChildProcess): Promise<void> {
  await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the mount ended with ${code}`)));
  });
}

async function compare(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'd7y-bench-'));
  const mountpoint = join(work, 'mnt');
  const copy = join(work, 'copy');
  mkdirSync(mountpoint);
  writeFileSync(copy, Buffer.alloc(FILE_BYTES, 'd7y'));
  closeSync(openSync(copy, 'r'));
  const table = new Table();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const transport of TRANSPORTS) {
      const child = fork(fileURLToPath(import.meta.url), [transport, mountpoint, copy]);
      await ready(child);
      const host = join(mountpoint, 'mem', 'host');
      try {
        const large = join(host, 'large.bin');
        table.add('lookups per second', transport, python(LOOKUPS, host));
        table.add('4 KiB direct, microseconds', transport, python(LATENCY, large));
        table.add('sequential, direct, MB/s', transport, megabytesPerSecond(large, 'iflag=direct'));
        table.add('sequential, MB/s', transport, megabytesPerSecond(large));
        if (transport === 'dev-fuse') {
          table.add('local copy, MB/s', 'passthrough', megabytesPerSecond(join(host, 'copied.bin')));
          table.add('local copy, MB/s', 'local file', megabytesPerSecond(copy));
        }
      } finally {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        execFileSync('umount', ['-l', mountpoint]);
        await ended;
      }
    }
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
