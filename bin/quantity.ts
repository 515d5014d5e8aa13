import { InvalidArgumentError } from 'commander';

/** Sizes and durations as they are written on the command line. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Names what was expected and what was found. Commander adds the name of the option. */
export function quantityError(expected: string, found: string): InvalidArgumentError {
  return new InvalidArgumentError(`expected ${expected}, got '${found}'`);
}

/** `64MiB` in bytes. */
export function parseSize(text: string): number {
  return Math.floor(parse(text, SIZE_UNITS, 'a size such as 64MiB'));
}

/** `30s` in milliseconds. */
export function parseDuration(text: string): number {
  return parse(text, DURATION_UNITS, 'a duration such as 30s');
}

export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw quantityError('a whole number', text);
  return Number(text);
}

/** Octal, as for umask(1). */
export function parseMode(text: string): number {
  if (!/^[0-7]{1,4}$/.test(text)) throw quantityError('an octal mode such as 022', text);
  return Number.parseInt(text, 8);
}

export function formatSize(bytes: number): string {
  const units = Object.entries(SIZE_UNITS).toReversed();
  const [unit, factor] = units.find(([, size]) => size > 1 && bytes > 0 && bytes % size === 0) ?? ['B', 1];
  return `${bytes / factor}${unit}`;
}

export function formatDuration(ms: number): string {
  if (ms > 0 && ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function parse(text: string, units: Readonly<Record<string, number>>, expected: string): number {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text.trim());
  const unit = match?.[2];
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (match === null || factor === undefined) throw quantityError(expected, text);
  return Number(match[1]) * factor;
}
