/** Looks at paths by child processes: where a file system hangs, only the child does. */
import { execFile } from 'node:child_process';
import process from 'node:process';

const LIMIT_MS = 3_000;

export interface LookedAt {
  readonly mode: number;
  readonly uid: number;
  /** As stat(1) names it: `ext2/ext3`, `tmpfs`, `nfs`. */
  readonly fileSystem: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** What the system says: `No such file or directory`, `Transport endpoint is not connected`; or that it says nothing. */
export interface NotSeen {
  readonly reason: string;
  readonly isHanging: boolean;
}

const STAT = 'stat -L -c "%f %u" -- "$1" && stat -f -L -c "%T %a %S %b" -- "$1"';

/** stat(2) and statfs(2). Follows links. */
export async function lookAt(path: string): Promise<LookedAt | NotSeen> {
  const { stdout, stderr, hasEnded } = await runOutside('sh', ['-c', STAT, 'sh', path]);
  if (!hasEnded) return { reason: `no answer within ${LIMIT_MS / 1000} s`, isHanging: true };
  const [mode, uid, ...rest] = stdout.trim().split(/\s+/);
  const [free, size, total] = rest.slice(-3).map(Number);
  if (mode === undefined || uid === undefined || free === undefined || size === undefined) {
    return { reason: stderr.trim().split(': ').at(-1) ?? 'it cannot be read', isHanging: false };
  }
  return {
    mode: Number.parseInt(mode, 16),
    uid: Number(uid),
    fileSystem: rest.slice(0, -3).join(' '),
    freeBytes: free * size,
    totalBytes: (total ?? 0) * size,
  };
}

export function isSeen(found: LookedAt | NotSeen): found is LookedAt {
  return 'mode' in found;
}

/** Without links in it, as far as it exists. */
export async function realPathOutside(path: string): Promise<string> {
  const { stdout } = await runOutside('readlink', ['-m', '--', path]);
  return stdout.trim() === '' ? path : stdout.trim();
}

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** False: it is still there, and is left alone. */
  readonly hasEnded: boolean;
  /** Undefined: it could not be started, or was killed. */
  readonly code: number | undefined;
}

export function runOutside(program: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 2 ** 22 },
      (error, stdout, stderr) => {
        clearTimeout(timer);
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : undefined;
        resolve({ stdout, stderr, hasEnded: true, code });
      },
    );
    const timer = setTimeout(() => {
      // One that waits for the disk cannot be killed.
      child.kill('SIGKILL');
      child.unref();
      resolve({ stdout: '', stderr: '', hasEnded: false, code: undefined });
    }, LIMIT_MS);
  });
}
