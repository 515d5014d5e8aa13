import { hash } from 'node:crypto';

import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** What the source reports of one version of a file, as far as it is known. */
export interface Fingerprint {
  readonly size?: number | undefined;
  readonly mtimeMs?: number | undefined;
  /** `mtimeMs` is cut to multiples of this. */
  readonly mtimePrecisionMs?: number | undefined;
  readonly version?: string | undefined;
}

/** A file from one change to the next, under its inode number. */
export interface FileGeneration {
  readonly ino: number;
  readonly firstSeenMs: number;
  /** Grows with each answer of the source. */
  fingerprint: Fingerprint;
}

/** What the source reports of a directory, as far as it is known: not each answer has all of it. */
export interface DirectoryFacts {
  readonly mtimeMs: number | undefined;
  readonly permissions: number | undefined;
}

const DIRECTORY_BYTES = 50;

/** A `FileGeneration` without its version. */
export const GENERATION_BYTES = 150;

/**
 * Inode numbers and stable times, of an identity (a URL, or a path) and a generation of it: another one begins when what the
 * source reports contradicts the fingerprint. The map is bounded: what was evicted begins anew with its first number, unless the
 * kernel still has an inode of it.
 */
export class InodeNumbers {
  readonly #files: BoundedMap<FileGeneration>;
  readonly #directories: BoundedMap<DirectoryFacts>;
  readonly #now: () => number;
  #mountedAtMs: number;
  /** How many changes were detected, of all files, by this process and those before it. */
  #changes = 0;
  /** The generations of a file that the kernel has inodes of, the newest first. */
  inKernel: (identity: string) => readonly FileGeneration[] = () => [];

  constructor(budget: MetadataBudget, now: () => number = Date.now) {
    this.#now = now;
    this.#files = new BoundedMap({
      budget,
      bytesOf: ({ fingerprint }) => GENERATION_BYTES + stringBytes(fingerprint.version),
    });
    this.#directories = new BoundedMap({ budget, bytesOf: () => DIRECTORY_BYTES });
    this.#mountedAtMs = now();
  }

  get mountedAtMs(): number {
    return this.#mountedAtMs;
  }

  /** The mount is an earlier process's: times stay, and no number is used again for another version. */
  resume(mountedAtMs: number): void {
    this.#mountedAtMs = mountedAtMs;
    this.#changes = this.#now();
  }

  /**
   * The number of a directory, which has one generation only, and what was reported of it last: a listing of the directory above often
   * says more than an answer to its own name, and programs (tar) take what changes with each of them for a change of the directory.
   */
  ofDirectory(
    identity: string,
    reported?: DirectoryFacts,
  ): { ino: number; mtimeMs: number; permissions?: number } {
    const known = this.#directories.get(identity);
    const mtimeMs = reported?.mtimeMs ?? known?.mtimeMs;
    const permissions = reported?.permissions ?? known?.permissions;
    if (mtimeMs !== known?.mtimeMs || permissions !== known?.permissions)
      this.#directories.set(identity, { mtimeMs, permissions });
    return {
      ino: inodeNumber('directory', identity, 0),
      mtimeMs: mtimeMs ?? this.#mountedAtMs,
      ...(permissions !== undefined && { permissions }),
    };
  }

  /** The generation that the fingerprint belongs to. `expected`: the one that the caller has, which may be evicted. */
  ofFile(identity: string, fingerprint: Fingerprint, expected?: FileGeneration): FileGeneration {
    const last = this.#files.get(identity);
    if (last !== undefined && isIncluded(fingerprint, last.fingerprint)) return last;
    const seen = [last, expected, ...this.inKernel(identity)].filter((one) => one !== undefined);
    let found = seen.find((one) => !contradict(one.fingerprint, fingerprint));
    if (found === undefined) {
      const change = seen.length === 0 ? 0 : (this.#changes += 1);
      found = { ino: inodeNumber('file', identity, change), firstSeenMs: this.#now(), fingerprint };
    } else {
      found.fingerprint = merge(found.fingerprint, fingerprint);
    }
    this.#files.set(identity, found);
    return found;
  }
}

/** The source's time, else when the file was first seen. */
export function mtimeOf({ fingerprint, firstSeenMs }: FileGeneration): number {
  return fingerprint.mtimeMs ?? firstSeenMs;
}

function isIncluded(fresh: Fingerprint, old: Fingerprint): boolean {
  return (
    (fresh.size === undefined || fresh.size === old.size) &&
    (fresh.version === undefined || fresh.version === old.version) &&
    (fresh.mtimeMs === undefined ||
      (fresh.mtimeMs === old.mtimeMs && fresh.mtimePrecisionMs === old.mtimePrecisionMs))
  );
}

/** The newer facts, and the older ones that they do not replace. */
function merge(old: Fingerprint, fresh: Fingerprint): Fingerprint {
  const { mtimeMs, mtimePrecisionMs } = fresh.mtimeMs === undefined ? old : fresh;
  return { size: fresh.size ?? old.size, mtimeMs, mtimePrecisionMs, version: fresh.version ?? old.version };
}

function contradict(a: Fingerprint, b: Fingerprint): boolean {
  if (a.version !== undefined && b.version !== undefined) return a.version !== b.version;
  if (a.size !== undefined && b.size !== undefined && a.size !== b.size) return true;
  if (a.mtimeMs === undefined || b.mtimeMs === undefined) return false;
  const precisionMs = Math.max(a.mtimePrecisionMs ?? 1, b.mtimePrecisionMs ?? 1);
  return Math.floor(a.mtimeMs / precisionMs) !== Math.floor(b.mtimeMs / precisionMs);
}

/** 52 bits, never 0 or 1 (the root's). A digest, so that a name cannot be chosen for the number of another file. */
function inodeNumber(kind: string, identity: string, change: number): number {
  return Number.parseInt(hash('sha1', `${kind}\0${change}\0${identity}`, 'hex').slice(0, 13), 16) || 2;
}
