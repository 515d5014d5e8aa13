import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import type { ExecutionContext } from 'ava';

import { temporaryDirectory } from './temp.js';

const TOOLS = ['/usr/sbin/mkfs.ext4', '/usr/sbin/e2fsck', '/usr/bin/python3', '/dev/loop-control'];

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH (fs/ext4/ext4.h), as xfstests simulate a power loss. */
const SHUTDOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))
`;

/** A file system that can lose its power: what is not on its device then is lost. */
export class LossyDisk {
  /** Whether this machine can have one. */
  static readonly isPossible =
    process.platform === 'linux' && process.geteuid?.() === 0 && TOOLS.every((path) => existsSync(path));

  readonly mountpoint: string;
  readonly #image: string;

  private constructor(directory: string) {
    this.mountpoint = join(directory, 'disk');
    this.#image = join(directory, 'image');
  }

  static async create(t: ExecutionContext, mebibytes: number): Promise<LossyDisk> {
    const disk = new LossyDisk(await temporaryDirectory(t));
    mkdirSync(disk.mountpoint);
    writeFileSync(disk.#image, '');
    truncateSync(disk.#image, mebibytes * 2 ** 20);
    execFileSync('/usr/sbin/mkfs.ext4', ['-q', '-F', disk.#image]);
    disk.#mount();
    t.teardown(() => execFileSync('umount', ['-l', disk.mountpoint]));
    return disk;
  }

  /** Nothing reaches the device any more. */
  losePower(): void {
    execFileSync('/usr/bin/python3', ['-c', SHUTDOWN, this.mountpoint]);
  }

  /** The machine comes up again; no file is open. */
  restart(): void {
    execFileSync('umount', [this.mountpoint]);
    // 1: it has mended something, which is what the journal is for.
    const { status } = attempt(() =>
      execFileSync('/usr/sbin/e2fsck', ['-fp', this.#image], { stdio: 'pipe' }),
    );
    if (status > 1) throw new Error(`e2fsck ended with ${status}`);
    this.#mount();
  }

  #mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.mountpoint]);
  }
}

function attempt(work: () => unknown): { readonly status: number } {
  try {
    work();
    return { status: 0 };
  } catch (error) {
    return { status: (error as { status?: number }).status ?? Infinity };
  }
}
