/** Sizes, durations and numbers as people write them. Undefined: it is none. */
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

/** `64MiB` in bytes. */
export function parseSize(text: string): number | undefined {
  const bytes = parse(text, SIZE_UNITS);
  return bytes === undefined ? undefined : Math.floor(bytes);
}

/** `30s` in milliseconds. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATION_UNITS);
}

export function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Octal, as for umask(1). */
export function parseMode(text: string): number | undefined {
  return /^[0-7]{1,4}$/.test(text) ? Number.parseInt(text, 8) : undefined;
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

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text.trim());
  const unit = match?.[2];
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined;
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}
