import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { type Contender, detach, type Mounted, type MountRequest, untilMounted } from './contender.js';
import { endProgram } from './programs.js';
import type { Scratch } from './scratch.js';

const MOUNT_LIMIT_MS = 20_000;
const UNMOUNT_LIMIT_MS = 10_000;

/** The default, which keeps nothing, and the one that keeps what was read in a sparse file. */
const MODES: Readonly<Record<string, readonly string[]>> = {
  'rclone off': ['--vfs-cache-mode', 'off'],
  'rclone full': ['--vfs-cache-mode', 'full'],
};
const STREAMS = '--vfs-read-chunk-streams';

/** `rclone mount` in one of its modes. */
export class Rclone implements Contender {
  readonly role = 'peer';
  readonly name: string;
  readonly #modeOptions: readonly string[];
  readonly #scratch: Scratch;

  private constructor(scratch: Scratch, name: string, modeOptions: readonly string[]) {
    this.#scratch = scratch;
    this.name = name;
    this.#modeOptions = modeOptions;
  }

  /** In its modes; none if it is not installed. */
  static async find(scratch: Scratch): Promise<Rclone[]> {
    const version = await scratch.programs.run('rclone', ['version'], 20_000).catch(() => undefined);
    if (version === undefined) return [];
    return Object.entries(MODES).map(([name, options]) => new Rclone(scratch, name, options));
  }

  /** The mode that reads through several connections; undefined if this version has none. */
  static async withStreams(scratch: Scratch): Promise<Rclone | undefined> {
    const help = await scratch.programs.run('rclone', ['mount', '--help'], 20_000).catch(() => undefined);
    if (help?.stdout.includes(STREAMS) !== true) return undefined;
    return new Rclone(scratch, 'rclone streams', [STREAMS, '4', '--vfs-read-chunk-size', '4Mi']);
  }

  async mount({ origin, cacheDirectory, options = [] }: MountRequest): Promise<Mounted> {
    const { programs, teardown } = this.#scratch;
    const directory = await this.#scratch.directory('rclone');
    const root = join(directory.path, 'mnt');
    const cache = cacheDirectory ?? join(directory.path, 'cache');
    await mkdir(root);
    const log = join(directory.path, 'log');
    const kept = ['--config', '/dev/null', '--cache-dir', cache, '--log-file', log];
    const remote = `:http,url='http://${origin.host}':`;
    const args = ['mount', '--read-only', ...kept, ...this.#modeOptions, ...options, remote, root];
    const rclone = programs.start('rclone', args);
    const unmount = teardown.add(`mount ${root}`, async () => {
      try {
        await endProgram(rclone, 'SIGTERM', UNMOUNT_LIMIT_MS);
      } finally {
        await detach(root);
      }
      await directory.remove();
    });
    try {
      await untilMounted(root, MOUNT_LIMIT_MS);
      await programs.run('ls', [root], MOUNT_LIMIT_MS);
      return { root, pid: rclone.pid ?? Number.NaN, unmount };
    } catch (error) {
      await unmount();
      throw error;
    }
  }
}
