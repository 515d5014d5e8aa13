import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { identifyProcess, type ProcessIdentity, whenProcessEnded } from '../bin/serving-process.js';
import { findMount } from '../src/mount/mount-table.js';
import type { Mounted, Mounter, MountRequest } from './mounter.js';
import type { Origin } from './origin.js';
import { Programs } from './programs.js';
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
export class Rclone implements Mounter {
  readonly role = 'peer';
  readonly name: string;
  readonly versionCommand = ['rclone', 'version'] as const;
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
    const remote = remoteOf(origin);
    const args = [
      'mount',
      '--daemon',
      '--read-only',
      ...kept,
      ...this.#modeOptions,
      ...options,
      // Otherwise it sends a request for the time of each object.
      ...(origin.bucket === undefined ? [] : ['--use-server-modtime']),
      remote,
      root,
    ];
    let server: ProcessIdentity | undefined;
    const unmount = teardown.add(`mount ${root}`, async () => {
      await endMount(root, server);
      await directory.remove();
    });
    try {
      // It keeps its standard error open in the background. With AWS_CA_BUNDLE its s3 does not start (1.60).
      const command = ['-c', 'unset AWS_CA_BUNDLE; exec rclone "$@" 2>/dev/null', 'sh', ...args];
      const { elapsedMs: readyMs } = await programs.run('sh', command, MOUNT_LIMIT_MS);
      const { stdout } = await programs.run(
        'pgrep',
        ['-f', `^[^ ]*rclone mount .* ${root}$`],
        MOUNT_LIMIT_MS,
      );
      server = await identifyProcess(Number(stdout));
      return { root, pid: Number(stdout), readyMs, unmount };
    } catch (error) {
      await unmount();
      throw error;
    }
  }
}

function remoteOf({ host, bucket }: Origin): string {
  if (bucket === undefined) return `:http,url='http://${host}':`;
  const keys = "access_key_id=bench,secret_access_key='secret of the bench'";
  return `:s3,provider=Other,${keys},endpoint='http://${host}',list_version=2:${bucket}`;
}

async function endMount(root: string, server: ProcessIdentity | undefined): Promise<void> {
  // Its own programs: this is done after an interrupt too.
  if ((await findMount(root)) !== undefined)
    await new Programs().run('umount', ['-l', root], UNMOUNT_LIMIT_MS);
  if (server === undefined || (await whenProcessEnded(server, UNMOUNT_LIMIT_MS))) return;
  process.kill(server.pid, 'SIGKILL');
}
