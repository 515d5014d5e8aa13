import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { DEFAULT_CACHE_OPTIONS } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import { DEFAULT_DISK_CACHE_OPTIONS } from '../../src/cache/disk/disk-cache-options.js';
import { openDiskCache } from '../../src/cache/disk/open-disk-cache.js';
import { NO_LOG } from './rehearsal-house.js';

const PREFIX = 'd7y-mount-rehearsal-';
/** No rehearsal takes nearly as long: its mount was killed. */
const ABANDONED_AFTER_MS = 10 * 60_000;

/** A store in a directory among the temporary files, which nobody else has. */
export class RehearsalDisk {
  readonly #directory: string;
  readonly #limitBytes: number;

  private constructor(directory: string, limitBytes: number) {
    this.#directory = directory;
    this.#limitBytes = limitBytes;
  }

  /** Undefined: there can be no directory among the temporary files. */
  static async create(limitBytes: number): Promise<RehearsalDisk | undefined> {
    try {
      await removeAbandoned(tmpdir()).catch(() => undefined);
      return new RehearsalDisk(await mkdtemp(join(tmpdir(), PREFIX)), limitBytes);
    } catch {
      return undefined;
    }
  }

  async open(): Promise<DiskCache> {
    return await openDiskCache({
      ...DEFAULT_DISK_CACHE_OPTIONS,
      directory: this.#directory,
      limitBytes: this.#limitBytes,
      blockBytes: DEFAULT_CACHE_OPTIONS.blockBytes,
      log: NO_LOG,
    });
  }

  /** Perhaps while somebody still stores: before the system writes it back. */
  async remove(): Promise<void> {
    await remove(this.#directory);
  }
}

/**
 * What mounts left that were killed while they rehearsed. Of this user alone: what another user has there could be
 * exchanged for something else while it is being removed.
 */
async function removeAbandoned(temporary: string): Promise<void> {
  for (const name of await readdir(temporary)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(temporary, name);
    const stat = await lstat(path).catch(() => undefined);
    const isOurs = stat?.isDirectory() === true && stat.uid === process.getuid?.();
    // One that cannot be removed hinders nobody.
    if (isOurs && Date.now() - stat.mtimeMs > ABANDONED_AFTER_MS) await remove(path).catch(() => undefined);
  }
}

async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
}
