import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

const MAX_HOLDERS = 10;

/** The other processes that have something of a mount open, or work in it, as far as this user can see: `NAME (PID)`. */
export async function mountHolders(mountpoint: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const holders: string[] = [];
  for (const pid of pids) {
    if (holders.length >= MAX_HOLDERS) break;
    if (Number(pid) === process.pid || !(await holds(join('/proc', pid), mountpoint))) continue;
    const name = await readFile(join('/proc', pid, 'comm'), 'utf8').catch(() => '?');
    holders.push(`${name.trim()} (${pid})`);
  }
  return holders;
}

async function holds(directory: string, mountpoint: string): Promise<boolean> {
  const fds = await readdir(join(directory, 'fd')).catch(() => []);
  const links = ['cwd', 'root', 'exe', ...fds.map((fd) => join('fd', fd))];
  const targets = await Promise.all(links.map((link) => readlink(join(directory, link)).catch(() => '')));
  return targets.some((target) => target === mountpoint || target.startsWith(`${mountpoint}/`));
}
