/**
 * How much memory a mount takes that is used for long, over names that change all the time: each phase on a mount of
 * its own, over a server of generated resources. Prints VmRSS and VmHWM as it goes.
 * Run: npm run bench:memory -- [phases...] [--operations COUNT] [--program dist/bundle/d7y-mount.js]
 */
import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { Argument, Command } from 'commander';

import { argumentParser } from '../../bin/config/command-options.js';
import { count } from '../../bin/config/option-kinds.js';
import { type Mounted, onMount } from '../mounter.js';
import { D7yMount } from '../d7y-mount.js';
import { Programs } from '../programs.js';
import { Scratch } from '../scratch.js';
import { Teardown } from '../teardown.js';
import { noWarmUp } from '../warm-up.js';
import { startGeneratedServer } from './generated-server.js';

const CLIENT = fileURLToPath(new URL('client.js', import.meta.url));
const MIB = 1024 * 1024;
/** Lines of each phase. */
const SAMPLES = 15;

/** Operations of each phase. */
const PHASES: ReadonlyMap<string, number> = new Map([
  ['mixed', 300_000],
  ['directories', 10_777],
  ['missing', 50_000],
  ['etags', 7_500],
  ['redirects', 20_000],
  ['endless', 4_096],
]);

interface Options {
  readonly operations?: number;
  readonly clients: number;
  readonly memory: string;
  readonly program?: string;
  readonly option: readonly string[];
}

interface Progress {
  readonly done: number;
  readonly failed: number;
}

interface Usage {
  readonly residentMib: number;
  readonly mostMib: number;
}

const program = new Command('npm run bench:memory --')
  .addArgument(new Argument('[phases...]', 'default: all').choices([...PHASES.keys()]))
  .option('--operations <count>', 'of each phase', argumentParser(count))
  .option('--clients <count>', 'processes that use the mount', argumentParser(count), 2)
  .option('--memory <size>', "the mount's", '64MiB')
  .option('--program <path>', 'another build of the program')
  .option(
    '--option <option>',
    "another of the mount's; repeatable",
    (text, all: string[]) => [...all, text],
    [],
  )
  .parse();
const options = program.opts<Options>();
const phases = program.args.length === 0 ? [...PHASES.keys()] : program.args;

const teardown = new Teardown();
const programs = new Programs();
try {
  const scratch = await Scratch.make(tmpdir(), programs, teardown);
  const server = await startGeneratedServer();
  teardown.add('server', () => Promise.resolve(server.close()));
  const ours = new D7yMount(scratch, options.program);
  const request = { origin: server, options: ['--memory', options.memory, ...options.option] };
  for (const phase of phases) {
    await onMount(ours, request, noWarmUp, (mounted) => run(phase, mounted));
  }
} finally {
  await teardown.run();
}

async function run(phase: string, mounted: Mounted): Promise<void> {
  const count = options.operations ?? PHASES.get(phase) ?? 0;
  const clients = phase === 'endless' ? 1 : options.clients;
  const progress = new Map<number, Progress>();
  const began = performance.now();
  let printedDone = -Infinity;
  const print = async (): Promise<void> => {
    const all = [...progress.values()];
    const done = all.reduce((sum, each) => sum + each.done, 0);
    if (done < count && done - printedDone < count / SAMPLES) return;
    printedDone = done;
    const failed = all.reduce((sum, each) => sum + each.failed, 0);
    const { residentMib, mostMib } = await usage(mounted.pid);
    const seconds = (performance.now() - began) / 1000;
    process.stdout.write(
      `${phase.padEnd(12)} ${String(done).padStart(7)} operations (${failed} failed) ${seconds.toFixed(0).padStart(4)} s` +
        `  VmRSS ${residentMib.toFixed(0).padStart(5)} MiB  VmHWM ${mostMib.toFixed(0).padStart(5)} MiB\n`,
    );
  };
  await print();
  await Promise.all(
    Array.from({ length: clients }, async (_, i) => {
      await use(mounted.root, phase, [i, count, clients], async (each) => {
        progress.set(i, each);
        await print();
      });
    }),
  );
}

/** Runs a client to its end. */
function use(
  root: string,
  phase: string,
  numbers: readonly number[],
  onProgress: (progress: Progress) => Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = fork(CLIENT, [root, phase, ...numbers.map(String)]);
    teardown.add('client', () => Promise.resolve(void client.kill('SIGKILL')));
    client.on('message', (progress: Progress) => void onProgress(progress));
    client.once('error', reject);
    client.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`a client ended with ${code}`)),
    );
  });
}

async function usage(pid: number): Promise<Usage> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024) / MIB;
  return { residentMib: mib('VmRSS'), mostMib: mib('VmHWM') };
}
