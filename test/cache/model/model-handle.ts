import { readSync } from 'node:fs';

import type { OpenResource } from '../../../src/cache/resource-cache.js';
import type { SourceErrorCode } from '../../../src/source/index.js';
import type { Random } from '../../support/random.js';
import type { FileVersion, SimulatedFile } from './simulated-file.js';
import type { SimulatedSource } from './simulated-source.js';

/** What the model says is wrong. */
export class ModelError extends Error {}

const CODES_OF_CHANGE = new Set<SourceErrorCode>(['CHANGED', 'PROTOCOL', 'CORRUPT']);

const PATTERNS = ['sequential', 'strided', 'backward', 'interleaved', 'random'] as const;

/** An open handle, and the versions whose bytes it may return: one, unless there are no validators. */
export class ModelHandle {
  readonly file: SimulatedFile;
  readonly open: OpenResource;
  #versions: readonly FileVersion[];
  readonly #pattern: (typeof PATTERNS)[number];
  readonly #positions: number[];
  readonly #stride: number;
  readonly #length: number;
  #turn = 0;

  constructor(file: SimulatedFile, open: OpenResource, random: Random) {
    this.file = file;
    this.open = open;
    this.#versions = file.versionsOf(open.version);
    this.#pattern = random.pick(PATTERNS);
    this.#positions = [random.below(this.sizeBytes), random.below(this.sizeBytes)];
    this.#length = random.pick([100, 4096, 6_000, 16_384]);
    this.#stride = this.#length + random.pick([5_000, 12_288, 40_000]);
    if (this.#pattern === 'sequential' && random.chance(0.7)) this.#positions[0] = 0;
  }

  get sizeBytes(): number {
    return this.#versions.at(-1)?.bytes.length ?? 0;
  }

  get versionNumbers(): number[] {
    return this.#versions.map(({ number }) => number);
  }

  /** Where the next read is, as its program goes. */
  next(random: Random): { offset: number; length: number } {
    this.#turn += 1;
    const which = this.#pattern === 'interleaved' ? this.#turn % 2 : 0;
    const at = this.#positions[which] ?? 0;
    const isAway = random.chance(0.1) || this.#pattern === 'random';
    if (isAway) {
      const length = random.chance(0.03) ? random.between(50_000, 250_000) : random.between(1, 20_000);
      return { offset: random.below(this.sizeBytes + 3_000), length };
    }
    const step = {
      sequential: this.#length,
      interleaved: this.#length,
      strided: this.#stride,
      backward: -this.#length,
    };
    const following = at + step[this.#pattern];
    const isOver = following < 0 || following > this.sizeBytes;
    this.#positions[which] = isOver ? random.below(this.sizeBytes + 1) : following;
    return { offset: at, length: this.#length };
  }

  /** The bytes must be those of one version, up to its end. */
  check(offset: number, length: number, bytes: Buffer): void {
    const end = Math.min(offset + length, this.#knownEnd());
    const fitting = this.#versions.filter((version) => bytes.equals(version.bytes.subarray(offset, end)));
    if (fitting.length === 0) throw new ModelError(this.#difference(offset, length, bytes));
    this.#versions = fitting;
  }

  /** The local copy that it has must be the whole of its version. */
  checkLocalCopy(): void {
    const { localFd } = this.open;
    if (localFd === undefined) return;
    const bytes = Buffer.alloc(this.sizeBytes + 1);
    const length = readSync(localFd, bytes, 0, bytes.length, 0);
    this.check(0, bytes.length, bytes.subarray(0, length));
  }

  /** A failure must be the source's own, or the reader's. */
  checkFailure(source: SimulatedSource, error: unknown, isAborted: boolean): void {
    const code = (error as { code?: SourceErrorCode } | undefined)?.code;
    if (code === 'INTERRUPTED' && isAborted) return;
    const { url, traits } = this.file;
    // Without validators the source does not know whose request failed.
    const isUnpinned = traits.validator === 'none';
    const numbers = isUnpinned ? this.file.versions.map(({ number }) => number) : this.versionNumbers;
    const isExcused = numbers.some((number) => code !== undefined && source.excuses(url, number).has(code));
    // Without validators, bytes, a length or a digest that are not the old ones are all that shows a change.
    const isAmbiguous = isUnpinned && numbers.length > 1;
    if (isExcused || (isAmbiguous && code !== undefined && CODES_OF_CHANGE.has(code))) return;
    throw new ModelError(`an error that nothing explains: ${String(code)}`, { cause: error });
  }

  /** The size of an unpinned resource, once reported, holds for its TTL: a longer one is cut there. */
  #knownEnd(): number {
    return this.file.traits.validator === 'none' ? (this.open.size ?? Infinity) : Infinity;
  }

  #difference(offset: number, length: number, bytes: Buffer): string {
    const versions = this.#versions.map((version) => `${version.number} (${version.bytes.length} bytes)`);
    const others = this.file.versions.filter((version) =>
      bytes.equals(version.bytes.subarray(offset, offset + bytes.length)),
    );
    const truth = this.#versions[0]?.bytes.subarray(offset, offset + length) ?? Buffer.alloc(0);
    const at = truth.findIndex((byte, i) => bytes[i] !== byte);
    return [
      `wrong bytes at ${offset} +${length} of ${this.file.name}, version ${versions.join(' or ')}`,
      `${bytes.length} instead of ${truth.length} bytes came, the first wrong one is number ${at}`,
      `they are of version ${others.map(({ number }) => number).join() || 'none'}`,
    ].join(': ');
  }
}
