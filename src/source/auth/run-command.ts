import { spawn } from 'node:child_process';
import process from 'node:process';

import { codeOf } from '../../error-code.js';

const LIMIT_MS = 30_000;
const MAX_OUTPUT_BYTES = 64 * 1024;
/** For output that is on its way when the program ends. */
const DRAIN_MS = 500;

export interface Finished {
  /** Null: a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
}

/** The message says why, and has neither arguments nor output: they may hold secrets. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** There is no such program. */
  readonly isMissing: boolean;

  constructor(message: string, isMissing = false) {
    super(message);
    this.isMissing = isMissing;
  }
}

/**
 * Runs a program without a shell; `input` is its standard input, and its stderr is discarded. Rejects with `CommandError` if it
 * cannot be started, takes too long, or prints too much. A process that it leaves behind is not waited for.
 */
export function runCommand(words: readonly string[], input = '', limitMs = LIMIT_MS): Promise<Finished> {
  const [program = '', ...args] = words;
  return new Promise((resolve, reject) => {
    // In a group of its own, so that it can be killed with what it has started.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    const pieces: Buffer[] = [];
    let bytes = 0;
    let drain: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(limit);
      clearTimeout(drain);
      child.stdout.destroy();
    };
    const fail = (why: string, isMissing = false): void => {
      end();
      killGroup(child.pid);
      reject(new CommandError(why, isMissing));
    };
    const limit = setTimeout(() => fail(`it takes longer than ${limitMs / 1000} s`), limitMs);
    const finish = (code: number | null): void => {
      end();
      resolve({ code, stdout: Buffer.concat(pieces).toString() });
    };
    child.on('error', (error) => {
      const code = codeOf(error);
      fail(`it cannot be started: ${code}`, code === 'ENOENT');
    });
    child.stdout.on('data', (piece: Buffer) => {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > MAX_OUTPUT_BYTES) fail('it prints too much');
    });
    // It need not read.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('exit', (code) => {
      drain = setTimeout(finish, DRAIN_MS, code);
    });
    child.on('close', finish);
  });
}

/** The same, for one that has to succeed. */
export async function outputOf(words: readonly string[]): Promise<string> {
  const { code, stdout } = await runCommand(words);
  if (code !== 0) throw new CommandError(endedWith(code));
  return stdout;
}

export function endedWith(code: number | null): string {
  return code === null ? 'it was killed' : `it ended with code ${code}`;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
