import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

import type { VersionIdentity } from '../../../src/cache/version-identity.js';
import type { ContentDigest } from '../../../src/source/index.js';
import { Random } from '../../support/random.js';

/** The metadata that a source has of a file, and how it sends the file. */
export interface FileTraits {
  readonly supportRange: boolean;
  readonly isLengthKnown: boolean;
  readonly validator: 'etag' | 'time' | 'none';
  /** Whether the probe brings a body. */
  readonly bringsBody: boolean;
  /** Whether it gives a digest of all bytes. */
  readonly hasDigest: boolean;
  /** Whether bodies are pushed from memory that is used again. */
  readonly drains: boolean;
}

/** The truth of one version. */
export interface FileVersion {
  readonly number: number;
  readonly bytes: Buffer;
  readonly etag: string | undefined;
  readonly lastModifiedMs: number | undefined;
  readonly digest: ContentDigest | undefined;
}

const FIRST_MODIFIED_MS = 1_600_000_000_000;

/** A file at the source: its versions, and when each was last reported. */
export class SimulatedFile {
  readonly url: string;
  readonly traits: FileTraits;
  readonly versions: FileVersion[] = [];
  isMissing = false;
  /** When the source last reported a version as the current one, by its number. */
  readonly #confirmedAt = new Map<number, Moment>();
  /** Versions that were reported to a reader as superseded: none of them may be opened again. */
  readonly #superseded = new Set<number>();
  /** When it last reported that there is none. */
  #missingAt: Moment | undefined;
  /** It failed to answer since it last reported a version. */
  hasFailedSince = false;

  constructor(url: string, traits: FileTraits, sizeBytes: number) {
    this.url = url;
    this.traits = traits;
    this.change(sizeBytes);
  }

  /** For the log. */
  get name(): string {
    const { supportRange, isLengthKnown, validator, bringsBody } = this.traits;
    const words = [supportRange ? 'ranges' : 'no ranges', isLengthKnown ? 'length' : 'no length', validator];
    return `${this.url.slice(-6)} (${[...words, ...(bringsBody ? ['body'] : [])].join(', ')})`;
  }

  get current(): FileVersion {
    const current = this.versions.at(-1);
    if (current === undefined) throw new Error('a file has a version');
    return current;
  }

  /** Whether its entry in a listing is all that opening it needs. */
  get isListedWhole(): boolean {
    const { supportRange, isLengthKnown, validator } = this.traits;
    return supportRange && isLengthKnown && validator === 'etag';
  }

  change(sizeBytes: number): void {
    const number = this.versions.length;
    this.isMissing = false;
    const { validator, hasDigest } = this.traits;
    const bytes = contentOf(`${this.url} ${number}`, sizeBytes);
    const hex = hasDigest ? createHash('sha256').update(bytes).digest('hex') : undefined;
    this.versions.push({
      number,
      bytes,
      digest: hex === undefined ? undefined : { algorithm: 'sha256', hex },
      etag: validator === 'etag' ? `"${number}"` : undefined,
      lastModifiedMs: validator === 'time' ? FIRST_MODIFIED_MS + number * 1000 : undefined,
    });
  }

  noteAnswer(nowMs: number): void {
    const moment = { clockMs: nowMs, realMs: Date.now() };
    if (this.isMissing) {
      this.#missingAt = moment;
    } else {
      this.#confirmedAt.set(this.current.number, moment);
      this.hasFailedSince = false;
    }
  }

  confirmedAtMs(number: number): number {
    if (this.#superseded.has(number)) return -Infinity;
    return this.#confirmedAt.get(number)?.clockMs ?? -Infinity;
  }

  get missingAtMs(): number {
    return this.#missingAt?.clockMs ?? -Infinity;
  }

  /** It was reported to a reader that its version is superseded. */
  noteSuperseded(numbers: readonly number[]): void {
    for (const number of numbers) if (number !== this.current.number) this.#superseded.add(number);
  }

  /** The clock is the real one again. What is missing is remembered in memory only. */
  restart(isPowerLoss: boolean): void {
    this.#missingAt = undefined;
    if (isPowerLoss) this.#superseded.clear();
    for (const [number, { realMs }] of this.#confirmedAt) {
      this.#confirmedAt.set(number, { clockMs: realMs, realMs });
    }
  }

  /** Which versions an open handle may stand for. */
  versionsOf({ validators: { etag, lastModifiedMs } }: VersionIdentity): FileVersion[] {
    if (etag === undefined && lastModifiedMs === undefined) return [...this.versions];
    return this.versions.filter(
      (version) => version.etag === etag && version.lastModifiedMs === lastModifiedMs,
    );
  }
}

interface Moment {
  readonly clockMs: number;
  readonly realMs: number;
}

/** Bytes that nothing else has, at no other offset. */
function contentOf(name: string, sizeBytes: number): Buffer {
  const random = new Random(crc32(name));
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = random.below(2 ** 32);
  return Buffer.from(words.buffer, 0, sizeBytes);
}
