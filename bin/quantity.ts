/** Quantities on the command line: refused with what was expected and what was found. */
import { InvalidArgumentError } from 'commander';

import * as quantity from '../src/quantity.js';

export { formatDuration, formatSize } from '../src/quantity.js';

/** Commander adds the name of the option. */
export function quantityError(expected: string, found: string): InvalidArgumentError {
  return new InvalidArgumentError(`expected ${expected}, got '${found}'`);
}

export const parseSize = orRefused(quantity.parseSize, 'a size such as 64MiB');
export const parseDuration = orRefused(quantity.parseDuration, 'a duration such as 30s');
export const parseCount = orRefused(quantity.parseCount, 'a whole number');
export const parseMode = orRefused(quantity.parseMode, 'an octal mode such as 022');

function orRefused(parse: (text: string) => number | undefined, expected: string): (text: string) => number {
  return (text) => {
    const value = parse(text);
    if (value === undefined) throw quantityError(expected, text);
    return value;
  };
}
