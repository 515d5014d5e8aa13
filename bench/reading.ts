/**
 * Reads over nginx on loopback, side by side in one run: bare transfers, our mount, and `rclone mount`
 * where it is installed. Prints medians of ROUNDS rounds, and ratios. Run: npm run bench
 */
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUNDS = 5;
const LARGE_BYTES = 512 * 1024 * 1024;
const RANDOM_READS = 300;
const PORT = 18_099;
const CLI = fileURLToPath(new URL('../bin/d7y-mount.js', import.meta.url));

/** Runs in a process of its own, so that what is measured is a program that reads a file. */
const RANDOM_READER = `
import os, random, sys, time
f = os.open(sys.argv[1], os.O_RDONLY); size = os.fstat(f).st_size; random.seed(int(sys.argv[2]))
at = [random.randrange(size // 4096) * 4096 for _ in range(${RANDOM_READS})]
begin = time.time()
for a in at: assert len(os.pread(f, 4096, a)) == 4096
print(len(at) / (time.time() - begin))
`;
const BARE_RANDOM_READER = `
import http.client, random, sys, time
c = http.client.HTTPConnection('127.0.0.1', ${PORT}); random.seed(int(sys.argv[1]))
at = [random.randrange(${LARGE_BYTES} // 4096) * 4096 for _ in range(${RANDOM_READS})]
begin = time.time()
for a in at:
    c.request('GET', '/large.bin', headers={'Range': f'bytes={a}-{a + 4095}'}); assert len(c.getresponse().read()) == 4096
print(len(at) / (time.time() - begin))
`;

const SMALL_FILES = 500;
const SMALL_READER = `
import sys, time
begin = time.time()
for i in range(${SMALL_FILES}):
    with open(f'{sys.argv[1]}/small/{i}.bin', 'rb') as f: assert len(f.read()) == 4096
print(${SMALL_FILES} / (time.time() - begin))
`;
const BARE_SMALL_READER = `
import http.client, time
c = http.client.HTTPConnection('127.0.0.1', ${PORT}); c.connect()
begin = time.time()
for i in range(${SMALL_FILES}):
    c.request('GET', f'/small/{i}.bin'); assert len(c.getresponse().read()) == 4096
print(${SMALL_FILES} / (time.time() - begin))
`;
const FIRST_READER = `
import sys, time
begin = time.time()
with open(sys.argv[1], 'rb', buffering=0) as f: assert len(f.read(4096)) == 4096
print((time.time() - begin) * 1e6)
`;
const BARE_FIRST_READER = `
import http.client, time
c = http.client.HTTPConnection('127.0.0.1', ${PORT}); c.connect()
begin = time.time()
c.request('GET', '/large.bin', headers={'Range': 'bytes=0-4095'}); assert len(c.getresponse().read()) == 4096
print((time.time() - begin) * 1e6)
`;

interface Contender {
  readonly name: string;
  /** MB/s of one cold sequential read. */
  readonly sequential: (round: number) => number;
  /** 4 KiB reads per second at random offsets, cold. */
  readonly random: (round: number) => number;
  /** Files of 4 KiB per second, one after the other, cold. */
  readonly small: () => number;
  /** Microseconds to open a file and read its first 4 KiB. */
  readonly first: () => number;
}

function seconds(command: string, args: readonly string[]): number {
  const begin = performance.now();
  execFileSync(command, args, { stdio: 'ignore' });
  return (performance.now() - begin) / 1000;
}

function python(script: string, ...args: string[]): number {
  return Number(execFileSync('python3', ['-c', script, ...args], { encoding: 'utf8' }));
}

function throughMount(name: string, mountpoint: string, mount: () => void): Contender {
  // Mounted anew for each measurement: nothing is cached, in the process or in the kernel.
  const fresh = (measure: () => number): number => {
    mount();
    try {
      return measure();
    } finally {
      execFileSync('umount', ['-l', mountpoint.replace(/\/http\/.*/, '')]);
    }
  };
  const file = join(mountpoint, 'large.bin');
  return {
    name,
    sequential: () => fresh(() => LARGE_BYTES / 1e6 / seconds('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M'])),
    random: (round) => fresh(() => python(RANDOM_READER, file, String(round))),
    small: () => fresh(() => python(SMALL_READER, mountpoint)),
    first: () => fresh(() => python(FIRST_READER, file)),
  };
}

function contenders(work: string): Contender[] {
  const url = `http://127.0.0.1:${PORT}`;
  const ours = join(work, 'ours');
  const list: Contender[] = [
    {
      name: 'bare',
      sequential: () => LARGE_BYTES / 1e6 / seconds('curl', ['-so', '/dev/null', `${url}/large.bin`]),
      random: (round) => python(BARE_RANDOM_READER, String(round)),
      small: () => python(BARE_SMALL_READER),
      first: () => python(BARE_FIRST_READER),
    },
    throughMount('d7y-mount', `${ours}/http/127.0.0.1:${PORT}`, () =>
      execFileSync(process.execPath, [CLI, ours, '--log-file', join(work, 'log')], { stdio: 'ignore' }),
    ),
  ];
  if (existsSync('/usr/bin/rclone')) {
    const peer = join(work, 'rclone');
    mkdirSync(peer, { recursive: true });
    list.push(
      throughMount('rclone', peer, () =>
        execFileSync('rclone', ['mount', '--daemon', '--read-only', `:http,url='${url}':`, peer], {
          stdio: 'ignore',
        }),
      ),
    );
  }
  return list;
}

async function writeLarge(path: string): Promise<void> {
  const out = createWriteStream(path);
  const block = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < block.length; i += 1) block[i] = (i * 31) % 251;
  for (let i = 0; i < LARGE_BYTES / block.length; i += 1) {
    if (!out.write(block)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function report(row: string, unit: string, results: ReadonlyMap<string, readonly number[]>): void {
  const bare = median(results.get('bare') ?? []);
  for (const [name, values] of results) {
    const value = median(values);
    const ratio = (value / bare).toFixed(2);
    console.log(
      `${row.padEnd(22)} ${name.padEnd(10)} ${value.toFixed(0).padStart(6)} ${unit}  ${ratio} x bare`,
    );
  }
}

const work = mkdtempSync(join(tmpdir(), 'd7y-bench-'));
mkdirSync(join(work, 'root'));
await writeLarge(join(work, 'root', 'large.bin'));
mkdirSync(join(work, 'root', 'small'));
for (let i = 0; i < SMALL_FILES; i += 1) {
  writeFileSync(join(work, 'root', 'small', `${i}.bin`), Buffer.alloc(4096, i));
}
const config = join(work, 'nginx.conf');
writeFileSync(
  config,
  `daemon off; worker_processes 1; pid ${work}/pid; error_log ${work}/error.log; user root; events {}
   http { access_log off; sendfile on; keepalive_requests 1000000;
     server { listen 127.0.0.1:${PORT}; root ${work}/root; autoindex on; } }`,
);
const nginx = spawn('/usr/sbin/nginx', ['-c', config], { stdio: 'ignore' });
await new Promise((resolve) => setTimeout(resolve, 500));
try {
  const rows = {
    sequential: new Map<string, number[]>(),
    random: new Map<string, number[]>(),
    small: new Map<string, number[]>(),
    first: new Map<string, number[]>(),
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contender of contenders(work)) {
      for (const row of ['sequential', 'random', 'small', 'first'] as const) {
        const before = rows[row].get(contender.name) ?? [];
        rows[row].set(contender.name, [...before, contender[row](round)]);
      }
    }
  }
  report('sequential, cold', 'MB/s', rows.sequential);
  report('random 4 KiB, cold', '/s  ', rows.random);
  report('files of 4 KiB, cold', '/s  ', rows.small);
  report('first 4 KiB, cold', 'us  ', rows.first);
} finally {
  nginx.kill();
  rmSync(work, { recursive: true, force: true });
}
