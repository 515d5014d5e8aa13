import { encodeKey, encodeStrict } from '../../src/source/auth/canonical.js';
import type { Random } from '../support/random.js';

const PIECES = [
  'a',
  'B',
  '0',
  ' ',
  '+',
  '~',
  '*',
  "'",
  '!',
  '(',
  ')',
  '%',
  '%2F',
  '/',
  '//',
  '=',
  '&',
  '?',
  '#',
  ';',
  ':',
  '@',
  ',',
  '$',
  '[',
  '|',
  '^',
  '\\',
  '"',
  'ü',
  '文',
  '😀',
  '.x',
  '-',
  '_',
];

export interface RandomRequest {
  readonly key: string;
  readonly path: string;
  /** Decoded; every value is there. */
  readonly query: Readonly<Record<string, string>>;
  readonly search: string;
}

/** A read of an object, with `queries` perhaps, or a list. */
export function randomRequest(
  random: Random,
  queries: readonly string[],
  listQueries: readonly string[],
): RandomRequest {
  const isList = random.chance(0.3);
  const key = isList ? '' : randomText(random);
  const names = (isList ? listQueries : queries).filter(() => random.chance(0.5));
  const query = Object.fromEntries(names.map((name) => [name, randomText(random)]));
  const search = Object.entries(query).map(([name, value]) => `${encodeStrict(name)}=${encodeStrict(value)}`);
  return {
    key,
    path: `/${encodeKey(key)}`,
    query,
    search: search.length === 0 ? '' : `?${search.join('&')}`,
  };
}

function randomText(random: Random): string {
  // A slash in front would make the SDKs differ in what they send, and no name of a mount has one.
  return `k${Array.from({ length: random.between(0, 12) }, () => random.pick(PIECES)).join('')}`;
}
