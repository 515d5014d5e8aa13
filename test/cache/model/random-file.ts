import type { Random } from '../../support/random.js';
import { type FileTraits, SimulatedFile } from './simulated-file.js';

/** A file of some kind. */
export function randomFile(number: number, random: Random): SimulatedFile {
  const traits: FileTraits = {
    supportRange: random.chance(0.6),
    isLengthKnown: random.chance(0.75),
    validator: random.weighted({ etag: 5, time: 2, none: 2 }),
    bringsBody: random.chance(0.7),
    drains: random.chance(0.5),
    hasDigest: random.chance(0.5),
  };
  return new SimulatedFile(`test://host/file-${number}`, traits, randomSize(random));
}

/** Often at the edge of a block. */
export function randomSize(random: Random): number {
  const sizes = [0, 1, 4_095, 4_096, 4_097, 9_000, 40_000, 150_000, 300_000, 500_000, 700_000];
  const size = random.pick(sizes);
  return size > 9_000 ? size - random.below(5_000) : size;
}
