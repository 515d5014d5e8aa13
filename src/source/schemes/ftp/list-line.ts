/** Lines of LIST, which is meant for people: as ls -l or DOS write them. */
import { type FileInfo, FileType, parseList, type UnixPermissions } from 'basic-ftp';

export interface ListedLine {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  readonly name: string;
  readonly size: number | undefined;
  readonly time: ListedTime | undefined;
  /** Of a file. Those of directories are not used: nothing but the listing of another directory has them. */
  readonly mode: number | undefined;
}

/** As if it were in UTC; which zone it is in is not known. */
export interface ListedTime {
  readonly ms: number;
  /** 60,000, or a day, if only that is written. */
  readonly precisionMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Undefined: it is not a line of a listing. */
export function parseListLine(line: string, nowMs: number): ListedLine | undefined {
  const info = infoOf(line);
  if (info === undefined) return undefined;
  const type = TYPES.get(info.type) ?? 'other';
  // A device or a pipe is no file to read; in the pattern of basic-ftp it is one.
  const kind = /^[bcps]/.test(line) ? 'other' : type;
  const isSized = kind === 'file' && Number.isSafeInteger(info.size);
  return {
    kind,
    name: info.name,
    size: isSized ? info.size : undefined,
    time: parseListedTime(info.rawModifiedAt, nowMs),
    mode: kind === 'file' && info.permissions !== undefined ? modeOf(info.permissions) : undefined,
  };
}

function modeOf({ user, group, world }: UnixPermissions): number {
  return user * 0o100 + group * 0o10 + world;
}

const TYPES: ReadonlyMap<FileType, ListedLine['kind']> = new Map([
  [FileType.File, 'file'],
  [FileType.Directory, 'directory'],
  [FileType.SymbolicLink, 'link'],
]);

function infoOf(line: string): FileInfo | undefined {
  // Of facts, basic-ftp would make entries too.
  if (/^\S+=\S*;/.test(line) || line.startsWith(' ')) return undefined;
  try {
    return parseList(line)[0];
  } catch {
    return undefined;
  }
}

/** `Nov 29 10:27`, `Nov 29 2025`, `2025-11-29 10:27`, `11-29-25 10:27AM`. */
export function parseListedTime(text: string, nowMs: number): ListedTime | undefined {
  const unix = /^([A-Za-z]{3})\s+(\d{1,2}) (?:(\d{4})|(\d{1,2}):(\d\d))$/.exec(text);
  if (unix !== null) {
    const [, name = '', day, year, hour, minute] = unix;
    const month = MONTHS.indexOf(name.toLowerCase());
    if (month === -1) return undefined;
    if (year !== undefined) return timeOf(Date.UTC(Number(year), month, Number(day)), DAY_MS);
    return timeOf(withinLastYear(month, [Number(day), Number(hour), Number(minute)], nowMs), MINUTE_MS);
  }
  const iso = /^(\d{4})[-/](\d\d)[-/](\d\d) (\d{1,2}):(\d\d)$/.exec(text);
  if (iso !== null) {
    const [year = 0, month = 0, day, hour, minute] = iso.slice(1).map(Number);
    return timeOf(Date.UTC(year, month - 1, day, hour, minute), MINUTE_MS);
  }
  const dos = /^(\d\d)-(\d\d)-(\d{2,4})\s+(\d{1,2}):(\d\d)([AP]M)?$/i.exec(text);
  if (dos === null) return undefined;
  const [month = 0, day, year = 0, hour = 0, minute] = dos.slice(1, 6).map(Number);
  const half = dos[6]?.toUpperCase();
  const fullHour = half === undefined ? hour : (hour % 12) + (half === 'PM' ? 12 : 0);
  const fullYear = year < 70 ? 2000 + year : year < 100 ? 1900 + year : year;
  return timeOf(Date.UTC(fullYear, month - 1, day, fullHour, minute), MINUTE_MS);
}

function timeOf(ms: number, precisionMs: number): ListedTime | undefined {
  return Number.isNaN(ms) || ms < 0 ? undefined : { ms, precisionMs };
}

/** Without a year it is not in the future, but for the difference of zones and clocks. */
function withinLastYear(month: number, rest: readonly [number, number, number], nowMs: number): number {
  const year = new Date(nowMs).getUTCFullYear();
  const [ms, before] = [year + 1, year, year - 1]
    .map((one) => Date.UTC(one, month, ...rest))
    .filter((one) => one <= nowMs + DAY_MS);
  return ms ?? before ?? Number.NaN;
}
