import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

const MAX_HOLDERS = 10;

/** The processes that have something of a mount open, or work in it, as far as this user can see: `NAME (PID)`. */
export async function mountHolders(mountpoint: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const holders: string[] = [];
  for (const pid of pids) {
    if (holders.length >= MAX_HOLDERS) break;
    if (!(await holds(join('/proc', pid), mountpoint))) continue;
    const name = await readFile(join('/proc', pid, 'comm'), 'utf8').catch(() => '?');
    holders.push(`${name.trim()} (${pid})`);
  }
  return holders;
}

async function holds(process: string, mountpoint: string): Promise<boolean> {
  const fds = await readdir(join(process, 'fd')).catch(() => []);
  const links = ['cwd', 'root', 'exe', ...fds.map((fd) => join('fd', fd))];
  const targets = await Promise.all(links.map((link) => readlink(join(process, link)).catch(() => '')));
  return targets.some((target) => target === mountpoint || target.startsWith(`${mountpoint}/`));
}
