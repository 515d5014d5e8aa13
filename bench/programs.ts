/** The programs that the benchmark runs, each with a time limit. An interrupt ends them, and then what they leave is undone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { messageOf } from '../src/error-code.js';

const LIMIT_MS = 600_000;
const START_LIMIT_MS = 10_000;
const END_LIMIT_MS = 20_000;

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  /** From the start of the program until its exit. */
  readonly ms: number;
}

const interruption = new AbortController();
const steps: (() => Promise<void>)[] = [];

export const interrupt = (): void => interruption.abort();
export const isInterrupted = (): boolean => interruption.signal.aborted;

/** Registers a step of `cleanUp`, which may be done before too. */
export function atEnd(step: () => Promise<void>): void {
  steps.unshift(step);
}

/** Undoes all, the last one first. A step that fails is reported, and the others are tried nevertheless. */
export async function cleanUp(): Promise<void> {
  for (const step of steps) {
    await step().catch((error: unknown) => process.stderr.write(`bench: ${messageOf(error)}\n`));
  }
}

/** Runs a program to its end. Rejects when it fails, and at once, even where it hangs, when its time is over. */
export async function run(
  command: string,
  args: readonly string[],
  { env = {}, isInterruptible = true }: { env?: Record<string, string>; isInterruptible?: boolean } = {},
): Promise<Finished> {
  const limits = [AbortSignal.timeout(LIMIT_MS), ...(isInterruptible ? [interruption.signal] : [])];
  const name = [command, ...args].join(' ').slice(0, 160);
  const began = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    signal: AbortSignal.any(limits),
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr, ms] = ['', '', 0];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.once('exit', () => (ms = performance.now() - began));
  const [code, signal] = (await once(child, 'close').catch((error: unknown) => {
    throw new Error(`${name}: ${messageOf(error)}`, { cause: error });
  })) as [number | null, string | null];
  if (code !== 0) throw new Error(`${name}: ended with ${signal ?? code}: ${lastLine(stderr)}`);
  return { stdout, stderr, ms };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** Runs a program to its end, and returns its processor time too. */
export async function runTimed(command: string, args: string[]): Promise<Finished & { cpuMs: number }> {
  const finished = await run('bash', ['-c', 'TIMEFORMAT="%U %S"; time "$@"', 'bash', command, ...args]);
  const [user = NaN, system = NaN] = lastLine(finished.stderr).split(' ').map(Number);
  return { ...finished, cpuMs: 1000 * (user + system) };
}

/** Starts a server. `cleanUp` ends it, if `end` has not. */
export function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  // Whoever uses it notices that it does not serve.
  child.once('error', () => undefined);
  atEnd(() => end(child, 'SIGTERM'));
  return child;
}

/** What a server of ours prints when it listens. */
export async function printedPorts({ stdout }: ChildProcess): Promise<number[]> {
  if (stdout === null) throw new Error('no output');
  const [line] = (await once(stdout, 'data', { signal: AbortSignal.timeout(START_LIMIT_MS) })) as [Buffer];
  return line.toString().split(' ').map(Number);
}

/** Returns when the process has ended: by itself, by `signal`, or killed. */
export async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit', { signal: AbortSignal.timeout(END_LIMIT_MS) });
  if (signal !== undefined) child.kill(signal);
  await exited.catch(() => child.kill('SIGKILL'));
}

/** A file, or its first bytes, by `dd bs=1M`. */
export async function readThrough(path: string, mib?: number): Promise<{ bytes: number; ms: number }> {
  const count = mib === undefined ? [] : [`count=${mib}`];
  const { stderr, ms } = await run('dd', [`if=${path}`, 'of=/dev/null', 'bs=1M', ...count]);
  return { bytes: Number(/^(\d+) bytes/m.exec(stderr)?.[1]), ms };
}

/** Runs a script in Python that lies beside the sources. */
export function python(name: string, ...args: string[]): Promise<Finished> {
  return run('python3', [fileURLToPath(new URL(`../../bench/${name}`, import.meta.url)), ...args]);
}
