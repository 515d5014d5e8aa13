import { readFile } from 'node:fs/promises';
import process from 'node:process';

/** One line of `/proc/self/mountinfo` (proc(5)). */
export interface Mount {
  readonly id: number;
  /** The mount that it lies on. */
  readonly parentId: number;
  readonly device: string;
  readonly mountpoint: string;
  /** Options of the mount: `ro`, `noexec`. */
  readonly options: readonly string[];
  readonly fsType: string;
  readonly source: string;
  /** Whose process serves it, if it is a FUSE mount. */
  readonly userId: number | undefined;
}

/** Our type of file system, as the mount table shows it. */
export const FS_TYPE = 'fuse.d7y';

/** The topmost mount at exactly this path. Never touches the path itself, which may be our own mount. */
export async function findMount(path: string): Promise<Mount | undefined> {
  return (await mountsAt(path)).at(-1);
}

/** The topmost of the mounts at this path that this user's processes serve. */
export async function findOwnMount(path: string): Promise<Mount | undefined> {
  const uid = process.getuid?.();
  return (await mountsAt(path)).findLast(({ fsType, userId }) => fsType === FS_TYPE && userId === uid);
}

/** Whether the mount is the topmost one at its path. */
export async function isTopmost({ mountpoint, device }: Mount): Promise<boolean> {
  return (await findMount(mountpoint))?.device === device;
}

/** Whether the mount is still there: moved or covered, too. */
export async function isMounted(mount: Mount): Promise<boolean> {
  return (await readMounts()).some(({ device }) => device === mount.device);
}

/**
 * The mount at the same path that this one covers. Where two processes found the mountpoint free and both mounted, the
 * kernel has put one mount on the other.
 */
export async function coversAnother({ mountpoint, parentId }: Mount): Promise<Mount | undefined> {
  return (await mountsAt(mountpoint)).find(({ id }) => id === parentId);
}

/** From the bottom to the top. */
async function mountsAt(path: string): Promise<Mount[]> {
  return (await readMounts()).filter(({ mountpoint }) => mountpoint === path);
}

/** From the bottom to the top. */
export async function readMounts(): Promise<Mount[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
}

export function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    // Optional fields end with a lone hyphen.
    const hyphen = fields.indexOf('-', 6);
    const [id, parentId, device, , mountpoint, options] = fields;
    const [fsType, source, superOptions] = fields.slice(hyphen + 1);
    if (hyphen === -1 || device === undefined || mountpoint === undefined) continue;
    if (fsType === undefined || source === undefined) continue;
    const userId = /(?:^|,)user_id=(\d+)/.exec(superOptions ?? '')?.[1];
    mounts.push({
      id: Number(id),
      parentId: Number(parentId),
      device,
      mountpoint: unescape(mountpoint),
      options: options?.split(',') ?? [],
      fsType,
      source: unescape(source),
      userId: userId === undefined ? undefined : Number(userId),
    });
  }
  return mounts;
}

/** Space, tab, newline and backslash are written as octal escapes; the rest is UTF-8. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
