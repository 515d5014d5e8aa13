import { type ChildProcess, fork, type ForkOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import type { VersionKey } from '../../src/cache/version-identity.js';
import { checksumOf } from '../../src/checksum.js';
import type { StoredFacts, StoredVersion } from '../../src/cache/disk/disk-cache.js';
import type { DiskStore } from '../../src/cache/disk/disk-store.js';
import {
  DEFAULT_DISK_CACHE_OPTIONS,
  type DiskCacheOptions,
} from '../../src/cache/disk/disk-cache-options.js';
import { nameOfUrl } from '../../src/cache/disk/layout.js';
import { openDiskCache } from '../../src/cache/disk/open-disk-cache.js';

export const BLOCK_BYTES = 4096;

export interface Logged {
  readonly level: number;
  readonly msg: string;
  /** Entries that are not synced. */
  readonly left?: number;
}

/** A store with small blocks that leaves nothing free; what it logs goes into `logged`. */
export async function openStore(
  directory: string,
  changes: Partial<DiskCacheOptions> = {},
  logged: Logged[] = [],
): Promise<DiskStore> {
  const log = pino(
    { level: changes.syncAfterMs === undefined ? 'info' : 'debug' },
    { write: (line: string) => logged.push(JSON.parse(line) as Logged) },
  );
  return await openDiskCache({
    ...DEFAULT_DISK_CACHE_OPTIONS,
    blockBytes: BLOCK_BYTES,
    reserveBytes: 0,
    directory,
    log,
    ...changes,
  });
}

/** As `openStore`; closed when the test ends. */
export async function storeFor(
  t: ExecutionContext,
  directory: string,
  changes: Partial<DiskCacheOptions> = {},
  logged: Logged[] = [],
): Promise<DiskStore> {
  const store = await openStore(directory, changes, logged);
  t.teardown(() => store.close());
  return store;
}

/** Stores adjacent blocks. */
export function write(
  version: StoredVersion,
  first: number,
  blocks: readonly Uint8Array[],
): Promise<boolean> {
  return version.write(
    blocks.map((bytes, offset) => ({ index: first + offset, bytes, checksum: checksumOf(bytes) })),
  );
}

/** A version whose bytes follow from its name. */
export class Sample {
  readonly key: VersionKey;
  readonly facts: StoredFacts;
  readonly blockBytes: number;

  constructor(name: string, sizeBytes: number, version = '1', blockBytes = BLOCK_BYTES) {
    const id = `etag "${version}" ${sizeBytes}`;
    this.key = { resource: `https://host.example/${name}`, version: id };
    this.blockBytes = blockBytes;
    this.facts = {
      version: { id, validators: { etag: `"${version}"`, contentLength: sizeBytes }, verifiable: true },
      sizeBytes,
      lastModifiedMs: 1_700_000_000_000,
      supportRange: true,
      isPage: true,
    };
  }

  get blockCount(): number {
    return Math.ceil(this.facts.sizeBytes / this.blockBytes);
  }

  lengthOf(index: number): number {
    return Math.min(this.blockBytes, this.facts.sizeBytes - index * this.blockBytes);
  }

  block(index: number): Buffer {
    const seed = createHash('sha256').update(`${this.key.resource} ${this.key.version} ${index}`).digest();
    const bytes = Buffer.alloc(this.lengthOf(index));
    for (let at = 0; at < bytes.length; at += seed.length) seed.copy(bytes, at);
    return bytes;
  }

  blocks(first: number, count: number): Buffer[] {
    return Array.from({ length: count }, (_, offset) => this.block(first + offset));
  }

  targets(first: number, count: number): Buffer[] {
    const bytes = Buffer.alloc(count * this.blockBytes, 0xee);
    return Array.from({ length: count }, (_, offset) => {
      const at = offset * this.blockBytes;
      return bytes.subarray(at, at + this.lengthOf(first + offset));
    });
  }

  bytes(): Buffer {
    return Buffer.concat(this.blocks(0, this.blockCount));
  }
}

export async function opened(store: DiskStore, sample: Sample): Promise<StoredVersion> {
  const version = await store.open(sample.key, sample.facts);
  if (version === undefined) throw new Error('the version was not opened');
  return version;
}

/**
 * Reads every block that is there; what is called right must be. Returns how many were. With another process
 * that writes, a block that was evicted may be there again at once.
 */
export async function readAll(
  t: ExecutionContext,
  version: StoredVersion,
  sample: Sample,
  isWrittenByOthers = false,
): Promise<{ right: number; wrong: number }> {
  let [right, wrong] = [0, 0];
  for (let index = 0; index < sample.blockCount; index += 1) {
    if (!version.has(index)) continue;
    const targets = sample.targets(index, 1);
    const [isRight] = await version.read(index, targets);
    if (isRight === true) {
      right += 1;
      if (targets[0]?.equals(sample.block(index)) !== true) t.fail(`block ${index} has wrong bytes`);
    } else {
      wrong += 1;
      if (version.has(index) && !isWrittenByOthers) t.fail(`block ${index} was wrong and is not forgotten`);
    }
  }
  return { right, wrong };
}

/** All data and index files. */
export function storeFiles(directory: string, suffix = ''): string[] {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /\.(data|index)$/.test(file) && file.endsWith(suffix))
    .map((file) => join(directory, file))
    .toSorted();
}

/** How many files there are of a URL. */
export function storeFilesOf(directory: string, url: string): number {
  return storeFiles(directory).filter((file) => basename(file).startsWith(nameOfUrl(url))).length;
}

export function allocatedBytes(directory: string): number {
  let bytes = 0;
  for (const file of storeFiles(directory)) {
    bytes += (statSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  }
  return bytes;
}

export async function until(condition: () => boolean | Promise<boolean>, limitMs = 50_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('it did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What the copy that was handed out holds, if one was. */
export function localBytes(version: StoredVersion, sample: Sample): Buffer | undefined {
  const fd = version.localFd();
  if (fd === undefined) return undefined;
  const bytes = Buffer.alloc(sample.facts.sizeBytes + 1);
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
}

export const SAMPLES = 12;
/** That a child stores at once. */
export const SMALL_FILES = 300;
/** All samples are more than fits. */
export const CHURN_OPTIONS = { limitBytes: 3 * 1024 * 1024, syncAfterMs: 50 };

/** Small ones, some with a file identity, and one that is larger than the limit. */
export function sampleOf(number: number): Sample {
  const sizes = [100, 20_000, 300_000, 1_200_000, 3_600_000];
  return new Sample(`s${number}`, sizes[number % sizes.length] ?? 0);
}

/** Reads all samples, by the store and by the files it hands out; what is called right must be. Adds to the counts. */
export async function readSamples(
  t: ExecutionContext,
  store: DiskStore,
  total: { right: number; wrong: number; local: number },
): Promise<void> {
  for (let number = 0; number < SAMPLES; number += 1) {
    const sample = sampleOf(number);
    const version = await opened(store, sample);
    const local = localBytes(version, sample);
    if (local !== undefined) {
      t.true(local.equals(sample.bytes()));
      total.local += 1;
    }
    const { right, wrong } = await readAll(t, version, sample);
    total.right += right;
    total.wrong += wrong;
    version.close();
  }
}

export interface Child {
  query(question: string): Promise<unknown>;
  kill(): Promise<void>;
}

/** Runs a program as root whom permissions bind. Debian 13's Node.js refuses setuid(), because of io_uring. */
export const WITHOUT_OVERRIDE: ForkOptions = {
  execPath: 'setpriv',
  execArgv: ['--bounding-set=-dac_override', process.execPath],
};

/** A process that uses the store too: see disk-store-child.ts. */
export async function startChild(
  task: 'write' | 'small' | 'serve',
  directory: string,
  seed = 0,
  options: ForkOptions = {},
): Promise<Child> {
  const path = fileURLToPath(new URL('disk-store-child.js', import.meta.url));
  const child: ChildProcess = fork(path, [task, directory, String(seed)], options);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const reply = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the child ended with ${code}`));
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message);
      });
    });
  await reply();
  return {
    query: (question) => {
      const answer = reply();
      child.send(question);
      return answer;
    },
    kill: () => {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

/** A closed store that holds blocks [0, count) of the sample. */
export async function stored(directory: string, sample: Sample, count = sample.blockCount): Promise<void> {
  const store = await openStore(directory);
  const version = await opened(store, sample);
  for (let first = 0; first < count; first += 100) {
    await write(version, first, sample.blocks(first, Math.min(100, count - first)));
  }
  version.close();
  await store.close();
}
