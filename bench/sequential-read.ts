import type { Scratch } from './scratch.js';

const LIMIT_MS = 180_000;

/** MB/s of `dd bs=1M`, which has to get all bytes. */
export async function readThrough(scratch: Scratch, path: string, bytes: number): Promise<number> {
  const args = [`if=${path}`, 'of=/dev/null', 'bs=1M'];
  const { stderr, elapsedMs } = await scratch.programs.run('dd', args, LIMIT_MS);
  if (!stderr.includes(`${bytes} bytes`)) throw new Error(`${path}: not all of it: ${stderr}`);
  return bytes / 1000 / elapsedMs;
}

/** MB/s of curl to /dev/null, over one connection, for the first `bytes` of the file. */
export async function transfer(scratch: Scratch, url: string, bytes: number): Promise<number> {
  const args = ['-sf', '-o', '/dev/null', '-w', '%{size_download}', '-r', `0-${bytes - 1}`, url];
  const { stdout, elapsedMs } = await scratch.programs.run('curl', args, LIMIT_MS);
  if (Number(stdout) !== bytes) throw new Error(`${url}: ${stdout} bytes instead of ${bytes}`);
  return bytes / 1000 / elapsedMs;
}
