import { hash } from 'node:crypto';

import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import { MetadataBudget } from '../memory/metadata-budget.js';

/** What tells two versions of a file apart, as far as it is known. */
export interface Likeness {
  readonly size?: number | undefined;
  readonly mtimeMs?: number | undefined;
  /** `mtimeMs` is cut to multiples of this. */
  readonly mtimePrecisionMs?: number | undefined;
  readonly version?: string | undefined;
}

/** A file as it is known. */
interface Known {
  readonly ino: number;
  readonly firstSeenMs: number;
  readonly likeness: Likeness;
}

/** What is known of a file, without its version. */
const FILE_BYTES = 150;
const NUMBER_BYTES = 16;

/**
 * Inode numbers and stable times. A number belongs to an identity (a URL, or a path) and a generation of it;
 * another one begins when what is learned of the file contradicts what was known. So a file that was
 * first seen in a listing and then opened keeps its number, and one that changed gets a new one.
 */
export class InodeNumbers {
  readonly #known: BoundedMap<Known>;
  /** The generation of what is not known: it may have been known, and the kernel may have it still. */
  #first = 0;
  /** The last generation that was begun, of whatever file. */
  #last = 0;
  /** Digests of directories on the way, which every walk asks for. */
  readonly #numbers: BoundedMap<number>;
  readonly #now: () => number;
  readonly #mountedAtMs: number;

  constructor(now: () => number = Date.now, budget = MetadataBudget.beside(0)) {
    this.#now = now;
    this.#known = new BoundedMap({
      budget,
      bytesOf: ({ likeness }) => FILE_BYTES + stringBytes(likeness.version),
      onEvicted: () => {
        this.#first = this.#begin();
      },
    });
    this.#numbers = new BoundedMap({ budget, bytesOf: () => NUMBER_BYTES });
    this.#mountedAtMs = now();
  }

  /** The number of a directory, and of everything else that has one version only. */
  ofDirectory(identity: string): { ino: number; mtimeMs: number } {
    let ino = this.#numbers.get(identity);
    if (ino === undefined) {
      ino = inodeNumber(identity, 'directory', 0);
      this.#numbers.set(identity, ino);
    }
    return { ino, mtimeMs: this.#mountedAtMs };
  }

  /** The number of a file, and its time: the source's, else when it was first seen. */
  ofFile(identity: string, likeness: Likeness): { ino: number; mtimeMs: number } {
    const before = this.#known.get(identity);
    if (before !== undefined && isMerged(before.likeness, likeness)) return told(before, likeness);
    let known: Known;
    if (before === undefined || contradict(before.likeness, likeness)) {
      const generation = before === undefined ? this.#first : this.#begin();
      const ino = inodeNumber(identity, 'file', generation);
      known = { ino, firstSeenMs: this.#now(), likeness };
    } else {
      const { ino, firstSeenMs } = before;
      known = { ino, firstSeenMs, likeness: merge(before.likeness, likeness) };
    }
    this.#known.set(identity, known);
    return told(known, likeness);
  }

  #begin(): number {
    this.#last += 1;
    return this.#last;
  }
}

function told(known: Known, likeness: Likeness): { ino: number; mtimeMs: number } {
  return { ino: known.ino, mtimeMs: likeness.mtimeMs ?? known.likeness.mtimeMs ?? known.firstSeenMs };
}

/** Whether `fresh` tells nothing new. */
function isMerged(old: Likeness, fresh: Likeness): boolean {
  return (
    (fresh.size === undefined || fresh.size === old.size) &&
    (fresh.mtimeMs === undefined || fresh.mtimeMs === old.mtimeMs) &&
    (fresh.mtimePrecisionMs === undefined || fresh.mtimePrecisionMs === old.mtimePrecisionMs) &&
    (fresh.version === undefined || fresh.version === old.version)
  );
}

/** What is known now: the newer facts, and the older ones that they do not replace. */
function merge(old: Likeness, fresh: Likeness): Likeness {
  return {
    size: fresh.size ?? old.size,
    mtimeMs: fresh.mtimeMs ?? old.mtimeMs,
    mtimePrecisionMs: fresh.mtimePrecisionMs ?? old.mtimePrecisionMs,
    version: fresh.version ?? old.version,
  };
}

function contradict(a: Likeness, b: Likeness): boolean {
  if (a.version !== undefined && b.version !== undefined) return a.version !== b.version;
  if (a.size !== undefined && b.size !== undefined && a.size !== b.size) return true;
  if (a.mtimeMs === undefined || b.mtimeMs === undefined) return false;
  const precisionMs = Math.max(a.mtimePrecisionMs ?? 1, b.mtimePrecisionMs ?? 1);
  return Math.floor(a.mtimeMs / precisionMs) !== Math.floor(b.mtimeMs / precisionMs);
}

/** 52 bits, never 0 or 1 (the root's number to the kernel). A digest, so that nobody can choose a name that has the number of another file. */
function inodeNumber(identity: string, kind: string, generation: number): number {
  return Number.parseInt(hash('sha1', `${kind}\0${generation}\0${identity}`, 'hex').slice(0, 13), 16) || 2;
}
