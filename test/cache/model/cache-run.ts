import { cp, truncate, rm, open, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { pino } from 'pino';

import { CachedResources } from '../../../src/cache/cached-resources.js';
import type { DiskCache } from '../../../src/cache/disk/disk-cache.js';
import { validatingClient } from '../../../src/source/validating-client.js';
import type { ResourceClient } from '../../../src/source/index.js';
import { offlineClient } from '../../../src/source/offline-client.js';
import type { Random } from '../../support/random.js';
import { allocatedBytes, openStore, storeFiles } from '../disk-store-support.js';
import { MetadataBudget } from '../../../src/memory/metadata-budget.js';

export const BLOCK_BYTES = 4096;
export const TTL_MS = 60_000;
export const NEGATIVE_TTL_MS = 5_000;
export const STALE_IF_ERROR_MS = 600_000;

export interface CacheRunOptions {
  readonly memoryBytes: number;
  /** 0: none. */
  readonly diskBytes: number;
  readonly client: ResourceClient;
  readonly now: () => number;
  /** Below it is a directory for each power loss. */
  readonly directory: string;
}

/** A cache and its store on disk, from one mount to the next. */
export class CacheRun {
  readonly options: CacheRunOptions;
  #directory: string;
  #losses = 0;
  #disk: DiskCache | undefined;
  #cache: CachedResources | undefined;
  isOffline = false;

  constructor(options: CacheRunOptions) {
    this.options = options;
    this.#directory = join(options.directory, '0');
  }

  get cache(): CachedResources {
    if (this.#cache === undefined) throw new Error('the cache is not mounted');
    return this.#cache;
  }

  async mount(isOffline: boolean): Promise<void> {
    const { memoryBytes, diskBytes, client, now } = this.options;
    this.isOffline = isOffline;
    if (diskBytes > 0) this.#disk = await openStore(this.#directory, { limitBytes: diskBytes });
    const validating = isOffline ? offlineClient() : validatingClient(client);
    this.#cache = new CachedResources(
      {
        memoryBytes,
        blockBytes: BLOCK_BYTES,
        probeBytes: 2 * BLOCK_BYTES,
        readahead: {
          initialBytes: 4 * BLOCK_BYTES,
          slackBytes: 2 * BLOCK_BYTES,
          regionBytes: 4 * BLOCK_BYTES,
        },
        metadataTtlMs: TTL_MS,
        negativeTtlMs: NEGATIVE_TTL_MS,
        staleIfErrorMs: isOffline ? Infinity : STALE_IF_ERROR_MS,
      },
      {
        clientFor: () => Promise.resolve(validating),
        budget: MetadataBudget.beside(0),
        log: pino({ level: 'silent' }),
        now,
        ...(this.#disk === undefined ? {} : { disk: this.#disk }),
      },
    );
  }

  async unmount(): Promise<void> {
    await this.#cache?.close();
  }

  /** As `unmount`, but what is on disk is what was there at some moment before: the power was lost. */
  async losePower(): Promise<void> {
    const before = this.#directory;
    this.#losses += 1;
    this.#directory = join(this.options.directory, String(this.#losses));
    if (this.#disk !== undefined) {
      await cp(before, this.#directory, {
        recursive: true,
        preserveTimestamps: true,
        filter: (path) => !path.endsWith('/lock'),
      }).catch((error: unknown) => {
        // A file was evicted while it was copied: what was copied so far is what is left.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      });
    }
    await this.unmount();
    await rm(before, { recursive: true, force: true });
  }

  /** Spoils files of the store; returns what was done, as words. */
  async damage(random: Random): Promise<string> {
    const files = this.#disk === undefined ? [] : storeFiles(this.#directory);
    if (files.length === 0) return 'nothing to damage';
    const path = random.pick(files);
    const { size } = await stat(path);
    const how = random.weighted({ flip: 5, truncate: 2, remove: 1 });
    if (how === 'remove' || size === 0) await rm(path);
    else if (how === 'truncate') await truncate(path, random.below(size));
    else await overwrite(path, random.below(size), random.between(1, 6_000), random);
    return `${how} ${path.slice(-20)}`;
  }

  /** What its files take up. */
  get diskBytes(): number {
    return this.#disk === undefined ? 0 : allocatedBytes(this.#directory);
  }
}

async function overwrite(path: string, at: number, length: number, random: Random): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const bytes = Buffer.from(Array.from({ length }, () => random.below(256)));
    await file.write(bytes, 0, Math.min(length, (await file.stat()).size - at), at);
  } finally {
    await file.close();
  }
}
