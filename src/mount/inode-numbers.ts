import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

/** What tells two versions of a file apart, as far as it is known. */
export interface Likeness {
  readonly size?: number | undefined;
  readonly mtimeMs?: number | undefined;
  /** `mtimeMs` is cut to multiples of this. */
  readonly mtimePrecisionMs?: number | undefined;
  readonly version?: string | undefined;
}

interface Known {
  readonly generation: number;
  readonly firstSeenMs: number;
  readonly likeness: Likeness;
}

const MAX_PATHS = 200_000;
const MAX_WALKED = 1_000;

/**
 * Inode numbers and stable times. A number belongs to a path and a generation of it; the generation
 * counts up when what is learned of the file contradicts what was known. So a file that was first seen in
 * a listing and then opened keeps its number, and one that changed gets a new one.
 */
export class InodeNumbers {
  readonly #known = new LRUCache<string, Known>({ max: MAX_PATHS });
  /** Digests of directories on the way, which every walk asks for. */
  readonly #numbers = new LRUCache<string, number>({ max: MAX_WALKED });
  readonly #now: () => number;
  readonly #mountedAtMs: number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#mountedAtMs = now();
  }

  /** The number of a directory, and of everything else that has one version only. */
  ofPath(path: string): { ino: number; mtimeMs: number } {
    let ino = this.#numbers.get(path);
    if (ino === undefined) {
      ino = inodeNumber(path, 'directory', 0);
      this.#numbers.set(path, ino);
    }
    return { ino, mtimeMs: this.#mountedAtMs };
  }

  /** The number of a file, and its time: the source's, else when it was first seen. */
  ofFile(path: string, likeness: Likeness): { ino: number; mtimeMs: number } {
    const before = this.#known.get(path);
    const isSame = before === undefined || !contradict(before.likeness, likeness);
    const known: Known = {
      generation: (before?.generation ?? 0) + (isSame ? 0 : 1),
      firstSeenMs: isSame && before !== undefined ? before.firstSeenMs : this.#now(),
      likeness: isSame && before !== undefined ? merge(before.likeness, likeness) : likeness,
    };
    this.#known.set(path, known);
    return {
      ino: inodeNumber(path, 'file', known.generation),
      mtimeMs: likeness.mtimeMs ?? known.likeness.mtimeMs ?? known.firstSeenMs,
    };
  }
}

/** What is known now: the newer facts, and the older ones that they do not replace. */
function merge(old: Likeness, fresh: Likeness): Likeness {
  const facts = Object.entries(fresh).filter(([, value]) => value !== undefined);
  return { ...old, ...Object.fromEntries(facts) };
}

function contradict(a: Likeness, b: Likeness): boolean {
  if (a.version !== undefined && b.version !== undefined) return a.version !== b.version;
  if (a.size !== undefined && b.size !== undefined && a.size !== b.size) return true;
  if (a.mtimeMs === undefined || b.mtimeMs === undefined) return false;
  const precisionMs = Math.max(a.mtimePrecisionMs ?? 1, b.mtimePrecisionMs ?? 1);
  return Math.floor(a.mtimeMs / precisionMs) !== Math.floor(b.mtimeMs / precisionMs);
}

/** 53 bits, never 0 or 1 (the root's number to the kernel). */
function inodeNumber(path: string, kind: string, generation: number): number {
  const digest = createHash('sha1').update(`${kind}\0${generation}\0${path}`).digest();
  return Number(digest.readBigUInt64BE() >> 11n) || 2;
}
