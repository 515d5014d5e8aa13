/** What a file of the origin is at any time follows from its facts, so that origin and readers need not talk. */

export interface StampedFile {
  readonly id: number;
  /** Of its first versions; `sizeOf` has the others. */
  readonly bytes: number;
  readonly validator: 'strong' | 'date' | 'weak' | 'none';
  readonly hasRanges: boolean;
  readonly isChunked: boolean;
  /** It has a new version each time; 0: never. */
  readonly periodSeconds: number;
  /** What is wrong with some answers: `stamped-origin.ts` has what each means. */
  readonly fault: 'calm' | 'slow' | 'closes' | 'cuts' | 'stalls' | 'errors' | 'wrong' | 'rotten';
}

/** Names in `/many/`. */
export const LONG_LISTING = 5_000;

export function nameOf(file: StampedFile): string {
  const { id, bytes, validator, hasRanges, isChunked, periodSeconds, fault } = file;
  const [range, length] = [hasRanges ? 'ranges' : 'whole', isChunked ? 'chunked' : 'length'];
  return `f${[id, bytes, validator, range, length, periodSeconds, fault].join('-')}.bin`;
}

/** The version that a file has at a time, in seconds. */
export function versionAt({ periodSeconds }: StampedFile, epoch: number, now: number): number {
  return periodSeconds === 0 ? 1 : 1 + Math.floor((now - epoch) / periodSeconds);
}

/** Versions come in pairs of the same length. */
export function sizeOf({ bytes, periodSeconds }: StampedFile, version: number): number {
  return periodSeconds === 0 || bytes < 1_000 ? bytes : bytes + (Math.floor(version / 2) % 3) * 1_001;
}

/** Each 8 bytes are their own number (32 bits), the version (16) and the file (16). */
export function stampedBytes({ id }: StampedFile, version: number, start: number, end: number): Buffer {
  const first = Math.floor(start / 8);
  const words = new Uint32Array((Math.ceil(end / 8) - first) * 2);
  const high = ((id << 16) | version) >>> 0;
  for (let i = 0; i < words.length; i += 2) {
    words[i] = first + i / 2;
    words[i + 1] = high;
  }
  return Buffer.from(words.buffer).subarray(start - first * 8, end - first * 8);
}
