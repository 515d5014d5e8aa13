import { type ChildProcess, spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a killed program may take to be gone: one that hangs inside a mount may never be. */
const KILL_LIMIT_MS = 5_000;

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  /** From the start of the program until its exit. */
  readonly elapsedMs: number;
}

/** A program ended with a failure, or not in time. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
  readonly code: 'FAILED' | 'TIMED_OUT' | 'INTERRUPTED';

  constructor(code: ProgramFailed['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The programs that the benchmark runs, each with a time limit unless it is a server. */
export class Programs {
  readonly #running = new Set<ChildProcess>();
  #isEnded = false;

  /** Runs to the end. Rejects when it fails or takes longer than `limitMs`; then it is killed. */
  async run(command: string, args: readonly string[], limitMs: number): Promise<Finished> {
    const begin = performance.now();
    const child = this.#spawn(command, args, 'pipe');
    this.#running.add(child);
    child.once('error', () => this.#running.delete(child));
    child.once('exit', () => this.#running.delete(child));
    const output = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    let elapsedMs = 0;
    child.once('exit', () => (elapsedMs = performance.now() - begin));
    const closed = new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? String(code)));
    });
    const ending = await endsWithin(child, closed, limitMs);
    const name = [command, ...args].join(' ').slice(0, 120);
    if (this.#isEnded) throw new ProgramFailed('INTERRUPTED', `${name}: interrupted`);
    if (ending === undefined) throw new ProgramFailed('TIMED_OUT', `${name}: not done after ${limitMs} ms`);
    if (ending !== '0') {
      const last = output.stderr.trim().split('\n').at(-1) ?? '';
      throw new ProgramFailed('FAILED', `${name}: ended with ${ending}: ${last}`);
    }
    return { ...output, elapsedMs };
  }

  /** Starts one that runs until the caller calls `endProgram`. */
  start(command: string, args: readonly string[]): ChildProcess {
    const child = this.#spawn(command, args, 'ignore');
    // The caller notices that it does not serve.
    child.once('error', () => undefined);
    return child;
  }

  #spawn(command: string, args: readonly string[], stderr: 'pipe' | 'ignore'): ChildProcess {
    if (this.#isEnded) throw new ProgramFailed('INTERRUPTED', `${command}: not started any more`);
    return spawn(command, args, { stdio: ['ignore', 'pipe', stderr] });
  }

  /**
   * Kills what runs to its end; nothing is started any more except what cleans up, by `Programs` of its own.
   * Servers are left to the teardown: killed at once, an nginx leaves its worker behind.
   */
  endAll(): void {
    this.#isEnded = true;
    for (const child of this.#running) child.kill('SIGKILL');
  }
}

/** Signals a program to end, kills it after `limitMs`, and returns when it has ended, or cannot. */
export async function endProgram(
  child: ChildProcess,
  signal: NodeJS.Signals,
  limitMs: number,
): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', () => resolve('exited'));
  });
  child.kill(signal);
  await endsWithin(child, exited, limitMs);
}

/** Undefined: the limit passed; the program has been killed. */
async function endsWithin(
  child: ChildProcess,
  ended: Promise<string>,
  limitMs: number,
): Promise<string | undefined> {
  const timer = new AbortController();
  const limit = async (ms: number): Promise<undefined> => {
    await sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined);
  };
  try {
    const ending = await Promise.race([ended, limit(limitMs)]);
    if (ending !== undefined) return ending;
    child.kill('SIGKILL');
    await Promise.race([ended, limit(KILL_LIMIT_MS)]);
    return undefined;
  } finally {
    timer.abort();
  }
}
