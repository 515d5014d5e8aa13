import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';

import type { SweepCommand } from './sweep-command.js';

/** Everything that a command shows of itself, with the paths replaced by names. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Places {
  readonly directory: string;
  readonly original: string;
  readonly tools: string;
  /** Made for the command, and removed. */
  readonly work: string;
}

/** What a command that does not end is shown to end with, as by timeout(1). */
const TIMED_OUT = 124;
const LIMIT_MS = Number(process.env['D7Y_SWEEP_LIMIT_MS'] ?? 20_000);

export async function runCommand({ script }: SweepCommand, places: Places): Promise<Outcome> {
  await mkdir(places.work, { recursive: true });
  try {
    const { code, stdout, stderr } = await finished(script, places);
    return { code, stdout: withoutPaths(stdout, places), stderr: withoutPaths(stderr, places) };
  } finally {
    await rm(places.work, { recursive: true, force: true });
  }
}

function finished(script: string, { directory, original, tools, work }: Places): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that all of it can be ended.
    const child = spawn('bash', ['-c', script], {
      cwd: work,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: work,
        LC_ALL: 'C.UTF-8',
        TZ: 'UTC',
        // The local tree is no file system of its own.
        GIT_DISCOVERY_ACROSS_FILESYSTEM: '1',
        D: directory,
        O: original,
        T: tools,
      },
    });
    let isLate = false;
    const limit = setTimeout(() => {
      isLate = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, LIMIT_MS);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString();
      resolve({ code: isLate ? TIMED_OUT : (code ?? -1), stdout: text(stdout), stderr: text(stderr) });
    });
  });
}

function withoutPaths(text: string, { directory, original, work }: Places): string {
  return text
    .replaceAll(directory, 'DIR')
    .replaceAll(original, 'ORIGINAL')
    .replaceAll(work, 'WORK')
    .replaceAll(/\bline \d+: +\d+ /g, 'line N: PID ');
}
