/** What the memory cgroups allow this process: cgroups(7), and `memory.max` of the kernel's cgroup-v2 document. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CgroupLimit {
  readonly bytes: number;
  /** The file that says so. */
  readonly path: string;
}

/** Version 1 has this, or a little less, for no limit. */
const UNLIMITED_BYTES = 2 ** 60;

interface Hierarchy {
  readonly isV2: boolean;
  /** Which cgroup is mounted at `mountpoint`. */
  readonly top: string;
  readonly mountpoint: string;
}

/**
 * The lowest limit of the process's own memory cgroups and of their ancestors, as far as they can be seen. Undefined: there is
 * none. `proc`: the directory of a process in proc(5).
 */
export function cgroupLimit(proc = '/proc/self'): CgroupLimit | undefined {
  const groups = textOf(join(proc, 'cgroup')).split('\n');
  const limits = memoryHierarchies(textOf(join(proc, 'mountinfo'))).flatMap((hierarchy) => {
    const line = groups.find((one) => isOf(one, hierarchy));
    return line === undefined ? [] : limitsOf(hierarchy, line.slice(line.indexOf(':/') + 1));
  });
  return limits.toSorted((a, b) => a.bytes - b.bytes)[0];
}

/** Of `hierarchy:controllers:/path`. */
function isOf(line: string, { isV2 }: Hierarchy): boolean {
  const controllers = line.split(':')[1]?.split(',') ?? [];
  return isV2 ? line.startsWith('0::/') : controllers.includes('memory');
}

function memoryHierarchies(mountInfo: string): Hierarchy[] {
  return mountInfo.split('\n').flatMap((line) => {
    const [own = '', super_ = ''] = line.split(' - ');
    const [, , , top, mountpoint] = own.split(' ');
    const [type, , options = ''] = super_.split(' ');
    const isV2 = type === 'cgroup2';
    const isMemory = isV2 || (type === 'cgroup' && options.split(',').includes('memory'));
    if (!isMemory || top === undefined || mountpoint === undefined) return [];
    return [{ isV2, top, mountpoint: unescaped(mountpoint) }];
  });
}

function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

function limitsOf({ isV2, top, mountpoint }: Hierarchy, group: string): CgroupLimit[] {
  const limits: CgroupLimit[] = [];
  const names = namesBelow(top, group);
  for (let depth = names.length; depth >= 0; depth -= 1) {
    const directory = join(mountpoint, ...names.slice(0, depth));
    for (const file of isV2 ? ['memory.max', 'memory.high'] : ['memory.limit_in_bytes']) {
      const path = join(directory, file);
      const text = textOf(path).trim();
      if (/^\d+$/.test(text) && Number(text) < UNLIMITED_BYTES) limits.push({ bytes: Number(text), path });
    }
  }
  return limits;
}

/** A container may see its own cgroup as the top one, whatever the path of it is outside. */
function namesBelow(top: string, group: string): string[] {
  const prefix = top === '/' ? '' : top;
  const below = group === prefix || group.startsWith(`${prefix}/`) ? group.slice(prefix.length) : '';
  const names = below.split('/').filter((name) => name !== '');
  return names.includes('..') ? [] : names;
}

/** Empty: it cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
