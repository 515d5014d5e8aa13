import { readFile } from 'node:fs/promises';

/** One line of `/proc/self/mountinfo` (proc(5)). */
export interface Mount {
  readonly device: string;
  readonly mountpoint: string;
  readonly fsType: string;
  readonly source: string;
}

/** The topmost mount at exactly this path. Never touches the path itself, which may be our own mount. */
export async function findMount(path: string): Promise<Mount | undefined> {
  const mounts = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
  return mounts.findLast((mount) => mount.mountpoint === path);
}

export function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    // Optional fields end with a lone hyphen.
    const hyphen = fields.indexOf('-', 6);
    const [device, mountpoint] = [fields[2], fields[4]];
    const [fsType, source] = [fields[hyphen + 1], fields[hyphen + 2]];
    if (hyphen === -1 || device === undefined || mountpoint === undefined) continue;
    if (fsType === undefined || source === undefined) continue;
    mounts.push({ device, mountpoint: unescape(mountpoint), fsType, source: unescape(source) });
  }
  return mounts;
}

/** Space, tab, newline and backslash are written as octal escapes; the rest is UTF-8. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
