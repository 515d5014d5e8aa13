import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { type ProcessIdentity, whenProcessEnded, servingProcess } from '../bin/serving-process.js';
import { findMount } from '../src/mount/mount-table.js';
import { detach, type Mounted, type Mounter, type MountRequest, untilMounted } from './mounter.js';
import type { Origin } from './origin.js';
import { Programs } from './programs.js';
import type { Scratch } from './scratch.js';

const CLI = fileURLToPath(new URL('../bundle/d7y-mount.js', import.meta.url));
const MOUNT_LIMIT_MS = 45_000;
const UNMOUNT_LIMIT_MS = 25_000;
const LATE_MOUNT_LIMIT_MS = 3_000;

/** Our mount, as its users start it: in the background, by its command. */
export class D7yMount implements Mounter {
  readonly role = 'ours';
  readonly name = 'd7y-mount';
  readonly versionCommand: Mounter['versionCommand'];
  readonly #scratch: Scratch;
  readonly #program: string;

  /** `program`: the built command, of this version or another one. */
  constructor(scratch: Scratch, program = CLI) {
    this.#scratch = scratch;
    this.#program = program;
    this.versionCommand = [process.execPath, program, '--version'];
  }

  async mount({ origin, cacheDirectory, options = [] }: MountRequest): Promise<Mounted> {
    const { programs, teardown } = this.#scratch;
    const directory = await this.#scratch.directory('d7y');
    const mountpoint = join(directory.path, 'mnt');
    const cache = cacheDirectory ?? join(directory.path, 'cache');
    await mkdir(mountpoint);
    let server: ProcessIdentity | undefined;
    const unmount = teardown.add(`mount ${mountpoint}`, async () => {
      await endMount(mountpoint, server);
      await directory.remove();
    });
    const log = join(directory.path, 'log');
    const kept = ['--log-file', log, '--cache-dir', cache];
    const config = join(directory.path, 'config.yaml');
    if (origin.bucket !== undefined) await writeFile(config, configurationFor(origin), { mode: 0o600 });
    const configured = origin.bucket === undefined ? [] : ['--config', config];
    const args = [this.#program, mountpoint, ...kept, ...configured, ...options];
    try {
      const { elapsedMs: readyMs } = await programs.run(process.execPath, args, MOUNT_LIMIT_MS);
      const mount = await findMount(mountpoint);
      server = mount && (await servingProcess(mount));
      if (server === undefined) throw new Error(`${mountpoint}: its process is unknown`);
      const [scheme, host] = origin.bucket === undefined ? ['http', origin.host] : ['s3', origin.bucket];
      return { root: join(mountpoint, scheme, host), pid: server.pid, readyMs, unmount };
    } catch (error) {
      await unmount();
      throw error;
    }
  }
}

/** JSON is YAML. */
function configurationFor({ host }: Origin): string {
  const credentials = { accessKeyId: 'bench', accessKeySecret: 'secret of the bench' };
  return JSON.stringify({ sources: [{ match: { scheme: 's3' }, endpoint: `http://${host}`, credentials }] });
}

async function endMount(mountpoint: string, server: ProcessIdentity | undefined): Promise<void> {
  try {
    // The command was interrupted, but not the process that it started, which may be about to mount.
    if (server === undefined) await untilMounted(mountpoint, LATE_MOUNT_LIMIT_MS).catch(() => undefined);
    // Programs of its own: this is done after an interrupt too.
    if ((await findMount(mountpoint)) !== undefined) {
      await new Programs().run(process.execPath, [CLI, 'unmount', mountpoint], UNMOUNT_LIMIT_MS);
    }
  } finally {
    await detach(mountpoint);
    if (server !== undefined && !(await whenProcessEnded(server, 100))) {
      process.stderr.write(`bench: ${mountpoint}: process ${server.pid} did not end, and is killed\n`);
      process.kill(server.pid, 'SIGKILL');
    }
  }
}
