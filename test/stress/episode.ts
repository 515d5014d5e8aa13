import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { type ProcessIdentity, servingProcess, whenProcessEnded } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { createCertificate } from '../support/certificate.js';
import { Random } from '../support/random.js';
import { type Finished, run } from '../support/run.js';
import { isExpected } from './expected-lines.js';
import type { Plan } from './plan.js';
import { LONG_LISTING, nameOf, type StampedFile } from './stamped-file.js';
import type { OriginPorts, OriginSettings } from './stamped-origin.js';

const READER = fileURLToPath(new URL('../../../test/stress/reader.py', import.meta.url));
const ORIGIN = fileURLToPath(new URL('stamped-origin.js', import.meta.url));

const TIMEOUT_SECONDS = 6;
/** A read ends after three times that (S83), on a machine that is busy with this. */
const LIMIT_SECONDS = 3 * TIMEOUT_SECONDS + 12;
const TTL_SECONDS = 1;

const SIZES = [
  0, 1, 9, 4_096, 32_768, 32_769, 65_536, 65_541, 131_072, 300_000, 1_000_000, 5_000_001, 40_000_003,
];

function filesOf(random: Random): StampedFile[] {
  const plain = {
    fault: 'calm',
    validator: 'strong',
    hasRanges: true,
    isChunked: false,
    periodSeconds: 0,
  } as const;
  const any = (bytes: number, fault: StampedFile['fault']): Omit<StampedFile, 'id'> => ({
    bytes,
    fault,
    validator: random.pick(['strong', 'strong', 'strong', 'date', 'weak', 'none']),
    hasRanges: random.chance(0.7),
    isChunked: random.chance(0.3),
    periodSeconds: random.pick([0, 0, 3, 5]),
  });
  const files = [
    ...SIZES.flatMap((bytes) => [
      any(bytes, 'calm'),
      { ...plain, bytes, periodSeconds: random.pick([0, 4]) },
    ]),
    { ...plain, bytes: 300 << 20 },
    { ...plain, bytes: 60_000_000, periodSeconds: 5 },
    ...[70, 30_000].map((bytes) => ({ ...plain, bytes, fault: 'rotten' as const })),
    ...[100_000, 700_000].map((bytes) => any(bytes, 'slow')),
    ...(['closes', 'cuts', 'stalls', 'errors', 'wrong'] as const).flatMap((fault) =>
      [20_000, 800_000, 6_000_000].map((bytes) => any(bytes, fault)),
    ),
  ];
  return files.map((file, id) => ({ id, ...file }));
}

/** One origin, one or two mounts on one cache directory, and their readers, for some seconds. */
export class Episode {
  readonly problems: string[] = [];
  /** What was read, and what the mounts had come to. */
  readonly figures: Record<string, number> = { steps: 0, bytes: 0, errors: 0, longest: 0 };
  readonly #plan: Plan;
  readonly #directory: string;
  readonly #random: Random;
  readonly #files: ReadonlyMap<string, StampedFile>;
  readonly #epoch = Math.floor(Date.now() / 1000) - 100;
  readonly #undo: (() => unknown)[] = [];
  /** Each writes its current step into a file. */
  readonly #readers = new Map<ChildProcess, string>();
  #origin: ChildProcess | undefined;
  #ports: OriginPorts = { http: 0, https: 0, hostileHttp: 0, hostileHttps: 0 };
  #certificate = '';
  #started = 0;
  #isOffline = false;

  constructor(plan: Plan, directory: string) {
    this.#plan = plan;
    this.#directory = directory;
    this.#random = new Random(plan.seed + 0x5eed);
    this.#files = new Map(filesOf(this.#random).map((file) => [nameOf(file), file]));
  }

  async run(): Promise<void> {
    const { readers, seconds, disk } = this.#plan;
    try {
      await this.#startOrigin();
      await this.#makeDisk();
      await this.#eachMount((mountpoint) => this.#mount(mountpoint));
      for (let i = 0; i < readers; i += 1) this.#startReader();
      for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
        await sleep(this.#random.between(200, 1_500));
        await this.#disturb();
      }
      await this.#stopReaders();
      await this.#eachMount((mountpoint) => this.#checkQuiet(mountpoint));
      await this.#eachMount((mountpoint) => this.#unmount(mountpoint));
      if (disk === 'on') await this.#readOffline();
      await this.#eachMount((mountpoint) => this.#checkLog(mountpoint));
    } catch (error) {
      this.#note(`failed: ${String(error)}`);
    } finally {
      for (const child of this.#readers.keys()) child.kill('SIGKILL');
      for (const work of this.#undo.toReversed()) await work();
    }
  }

  async #eachMount(work: (mountpoint: string) => Promise<unknown>): Promise<void> {
    for (const mountpoint of this.#mountpoints) await work(mountpoint);
  }

  get #mountpoints(): string[] {
    return Array.from({ length: this.#plan.mounts }, (_, i) => join(this.#directory, `mnt${i}`));
  }

  get #cache(): string {
    return join(this.#directory, 'cache');
  }

  #namesOf(isMeant: (file: StampedFile) => boolean): string[] {
    return [...this.#files].filter(([, file]) => isMeant(file)).map(([name]) => name);
  }

  /** What has a digest, or can be read by ranges of one version. */
  get #keys(): string[] {
    const isPlain = (file: StampedFile): boolean =>
      file.validator === 'strong' && file.hasRanges && !file.isChunked;
    return this.#namesOf((file) => isPlain(file) && ['calm', 'rotten'].includes(file.fault));
  }

  async #startOrigin(): Promise<void> {
    const files = await createCertificate({ teardown: (work) => this.#undo.push(work) }, 'IP:127.0.0.1');
    this.#certificate = files.certificate;
    const { seed } = this.#plan;
    const [epoch, keys] = [this.#epoch, this.#keys];
    const settings: OriginSettings = { seed, epoch, files: Object.fromEntries(this.#files), keys, ...files };
    const origin = spawn(process.execPath, [ORIGIN, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#origin = origin;
    this.#undo.push(() => origin.kill('SIGKILL'));
    const [line] = (await once(origin.stdout, 'data')) as [Buffer];
    this.#ports = JSON.parse(line.toString()) as OriginPorts;
    const endpoint = `http://127.0.0.1:${this.#ports.http}`;
    const sources = [{ match: { scheme: 's3' }, endpoint, credentials: 'anonymous' }];
    await writeFile(join(this.#directory, 'config.json'), JSON.stringify({ sources }), { mode: 0o600 });
  }

  async #makeDisk(): Promise<void> {
    await mkdir(this.#cache, { mode: 0o700 });
    if (!['full', 'readonly'].includes(this.#plan.disk)) return;
    await checked('mount', '-t', 'tmpfs', '-o', 'size=40m,mode=700', 'stress', this.#cache);
    this.#undo.push(() => run('umount', ['-l', this.#cache]));
  }

  async #mount(mountpoint: string, ...more: string[]): Promise<void> {
    const { cli, memoryMiB, ioThreads, disk, isSupervised } = this.#plan;
    const options = {
      config: join(this.#directory, 'config.json'),
      'log-file': `${mountpoint}.log`,
      'cache-dir': this.#cache,
      'cache-size': disk === 'off' ? '0' : disk === 'tiny' ? '4MiB' : '1GiB',
      memory: `${memoryMiB}MiB`,
      timeout: `${TIMEOUT_SECONDS}s`,
      retries: '2',
      'metadata-ttl': `${TTL_SECONDS}s`,
      'stale-if-error': '10s',
      ...(ioThreads === undefined ? {} : { 'io-threads': String(ioThreads) }),
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const variables = [`NODE_EXTRA_CA_CERTS=${this.#certificate}`, `D7Y_MOUNT_SUPERVISE=${isSupervised}`];
    await checked('env', ...variables, process.execPath, cli, mountpoint, ...args, ...more);
    this.#undo.push(() => run('umount', ['-l', mountpoint]));
  }

  #startReader(): void {
    const { seed, killsMounts, isSupervised } = this.#plan;
    const status = join(this.#directory, `status-${(this.#started += 1)}`);
    const unserved =
      killsMounts && !isSupervised ? ['ENOTCONN', 'ECONNABORTED', 'ENODEV', 'EIO', 'ENOENT'] : [];
    const settings = {
      seed: seed * 1_000 + this.#started,
      epoch: this.#epoch,
      status,
      limitSeconds: LIMIT_SECONDS,
      ttlSeconds: TTL_SECONDS,
      longListing: LONG_LISTING,
      isOffline: this.#isOffline,
      killsMounts,
      errors: this.#isOffline ? [...unserved, 'ENETUNREACH'] : unserved,
      places: this.#mountpoints.flatMap((mountpoint) => this.#placesOf(mountpoint)),
      files: Object.fromEntries(this.#files),
    };
    writeFileSync(`${status}.json`, JSON.stringify(settings));
    const child = spawn('python3', [READER, `${status}.json`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#readers.set(child, status);
    createInterface(child.stdout).on('line', (line) => {
      const report = JSON.parse(line) as Record<string, number>;
      if ('wrong' in report) this.#note(line);
      else
        for (const key of ['steps', 'bytes', 'errors', 'longest'])
          this.#count(key, report[key], key === 'longest');
    });
    child.on('exit', (code, signal) => {
      if (code !== 0 && signal !== 'SIGINT' && signal !== 'SIGKILL')
        this.#note(`a reader: ${code ?? signal} ${at(status)}`);
    });
  }

  #placesOf(mountpoint: string): object[] {
    const calm = this.#namesOf(({ fault }) => fault === 'calm');
    const hostile = this.#namesOf(({ fault }) => fault !== 'calm' && fault !== 'rotten');
    const { http, https, hostileHttp, hostileHttps } = this.#ports;
    const web = (scheme: string, port: number): string => `${mountpoint}/${scheme}/127.0.0.1:${port}`;
    return [
      { base: web('http', http), names: calm, lists: ['stress', 'many'] },
      { base: web('https', https), names: calm, lists: ['stress', 'many'] },
      { base: `${mountpoint}/s3`, names: this.#keys, lists: ['stress'] },
      { base: web('http', hostileHttp), names: hostile, lists: [] },
      { base: web('https', hostileHttps), names: hostile, lists: [] },
    ];
  }

  /** Something happens. */
  async #disturb(): Promise<void> {
    const { cli, disk, killsMounts } = this.#plan;
    const mountpoint = this.#random.pick(this.#mountpoints);
    const [reader, status] = this.#random.pick([...this.#readers]);
    // Else Python has no handlers of signals yet.
    if (!existsSync(status)) return;
    const kinds = [
      'reader',
      'reader',
      'pause',
      'origin',
      'forget',
      'evict',
      killsMounts ? 'mount' : 'reader',
      disk,
    ] as const;
    const kind = this.#random.pick(kinds);
    if (kind === 'reader') {
      reader.kill(this.#random.pick(['SIGKILL', 'SIGINT']));
      await this.#whenEnded(reader, 10);
      this.#startReader();
    } else if (kind === 'pause' || kind === 'origin') {
      const stopped = kind === 'pause' ? reader : this.#origin;
      stopped?.kill('SIGSTOP');
      await sleep(1_500);
      stopped?.kill('SIGCONT');
    } else if (kind === 'forget' || kind === 'evict') {
      await run(process.execPath, [cli, kind, mountpoint]);
    } else if (kind === 'mount') {
      await this.#killMount(mountpoint);
    } else if (kind === 'removed') {
      // It may be made again meanwhile.
      await run('rm', ['-rf', this.#cache]);
    } else if (kind === 'readonly') {
      // Refused while a file is open for writing.
      for (const mode of ['ro', 'rw'])
        await Promise.all([run('mount', ['-o', `remount,${mode}`, this.#cache]), sleep(1_500)]);
    } else if (kind === 'full') {
      await run('dd', ['if=/dev/zero', `of=${this.#cache}/filler`, 'bs=64k']);
      await sleep(1_500);
      await rm(`${this.#cache}/filler`, { force: true });
    }
  }

  async #killMount(mountpoint: string): Promise<void> {
    const server = await serverOf(mountpoint);
    if (server === undefined) return;
    process.kill(server.pid, 'SIGKILL');
    await whenProcessEnded(server, 10_000);
    // Five that serve for less than two seconds end a supervised one.
    if (this.#plan.isSupervised) await sleep(3_000);
    else await this.#mount(mountpoint);
  }

  async #stopReaders(): Promise<void> {
    for (const [reader, status] of this.#readers) {
      while (!existsSync(status) && reader.exitCode === null) await sleep(50);
      reader.kill('SIGTERM');
    }
    await Promise.all([...this.#readers.keys()].map((reader) => this.#whenEnded(reader, LIMIT_SECONDS + 10)));
  }

  async #whenEnded(reader: ChildProcess, seconds: number): Promise<void> {
    const isEnded = (): boolean => reader.exitCode !== null || reader.signalCode !== null;
    for (let waited = 0; waited < seconds * 20 && !isEnded(); waited += 1) await sleep(50);
    const step = at(this.#readers.get(reader) ?? '');
    this.#readers.delete(reader);
    if (isEnded()) return;
    const { stdout: stack } = await run('cat', [`/proc/${reader.pid}/stack`]);
    this.#note(`a reader did not end in ${seconds} s: ${step}\n${stack}`);
    reader.kill('SIGKILL');
  }

  /** Nothing is kept of what was read but the caches. */
  async #checkQuiet(mountpoint: string): Promise<void> {
    const server = await serverOf(mountpoint);
    if (server === undefined) return this.#note('no process serves the mount');
    let left = '';
    // A download from the start is kept for ten seconds after the last one has closed the file.
    for (let tries = 0; tries < 60 && left !== '0,0,0,0'; tries += 1) {
      if (tries > 0) await sleep(300);
      left = leftIn(await run(process.execPath, [this.#plan.cli, 'status', '--json', mountpoint]));
    }
    if (left !== '0,0,0,0') this.#note(`open files, directories, requests, committed bytes: ${left}`);
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    const figure = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1]);
    const { memoryMiB, ioThreads = 0 } = this.#plan;
    // Each I/O thread has a heap and buffers of its own.
    const limitMiB = 180 + 1.25 * memoryMiB + 30 * ioThreads;
    const descriptors = (await readdir(`/proc/${server.pid}/fd`)).length;
    this.#count('peakMiB', Math.round(figure('VmHWM') / 1024), true, limitMiB);
    this.#count('threads', figure('Threads'), true, 18);
    this.#count('descriptors', descriptors, true, 100);
  }

  async #unmount(mountpoint: string): Promise<void> {
    const server = await serverOf(mountpoint);
    const { code, stderr } = await run(process.execPath, [this.#plan.cli, 'unmount', mountpoint]);
    if (code !== 0 || stderr !== '') this.#note(`unmount: ${code} ${stderr}`);
    if (server !== undefined && !(await whenProcessEnded(server, 15_000)))
      this.#note('the process goes on after its mount');
  }

  /** What is on disk is right without the origin, too. */
  async #readOffline(): Promise<void> {
    this.#isOffline = true;
    await this.#eachMount((mountpoint) => this.#mount(mountpoint, '--offline'));
    for (let i = 0; i < 3; i += 1) this.#startReader();
    await sleep(2_000);
    await this.#stopReaders();
    await this.#eachMount((mountpoint) => this.#unmount(mountpoint));
  }

  async #checkLog(mountpoint: string): Promise<void> {
    for (const line of (await readFile(`${mountpoint}.log`, 'utf8')).trim().split('\n')) {
      const facts = { ...this.#plan, isOffline: this.#isOffline, files: this.#files };
      if (!isExpected(line, facts)) this.#note(`the log has: ${line}`);
    }
  }

  #count(name: string, value = 0, isPeak = false, limit = Infinity): void {
    const old = this.figures[name] ?? 0;
    this.figures[name] = isPeak ? Math.max(old, value) : old + value;
    if (value > limit) this.#note(`${name}: ${value}, more than ${limit}`);
  }

  #note(problem: string): void {
    this.problems.push(problem);
    if (this.problems.length <= 20) process.stdout.write(`  ${problem.slice(0, 700)}\n`);
  }
}

/** What a reader did last. */
function at(status: string): string {
  return existsSync(status) ? readFileSync(status, 'utf8').replaceAll(/\s+/g, ' ') : '';
}

async function serverOf(mountpoint: string): Promise<ProcessIdentity | undefined> {
  const mount = await findMount(mountpoint);
  return mount && (await servingProcess(mount));
}

interface Status {
  readonly fuse: { readonly handles: Record<'files' | 'directories', number>; readonly in_flight: number };
  readonly cache: { readonly memory: { readonly committed: number } };
}

function leftIn({ stdout, stderr }: Finished): string {
  if (stdout === '') return stderr;
  const { fuse, cache } = JSON.parse(stdout) as Status;
  return [fuse.handles.files, fuse.handles.directories, fuse.in_flight, cache.memory.committed].join();
}

async function checked(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
