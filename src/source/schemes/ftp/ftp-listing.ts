/** What MLSD or LIST bring, as entries. */
import { ListingTooLong, MAX_LISTED_ENTRIES, MAX_LISTING_BYTES } from '../../listing-limits.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import { nextTurn } from '../../turns.js';
import type { DataConnection } from './data-connection.js';
import { parseFacts } from './ftp-facts.js';
import type { FtpStat } from './ftp-stat.js';
import { type ListedTime, parseListLine } from './list-line.js';
import { MalformedReply } from './passive.js';

export interface ListedEntry extends FtpStat {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** In Latin-1. */
  readonly name: string;
  /** Of LIST, whose zone is not known. */
  readonly time?: ListedTime | undefined;
}

export interface FtpListing {
  readonly entries: readonly ListedEntry[];
  /** Of MLSD: times are exact. */
  readonly isExact: boolean;
}

const PIECE_BYTES = 64 * 1024;
const MAX_LINE_CHARS = 64 * 1024;

export async function readListing(
  data: Pick<DataConnection, 'read'>,
  isExact: boolean,
  limit: LowSpeedLimit,
): Promise<FtpListing> {
  const reader = new ListingReader(isExact);
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  for (let allBytes = 0; ;) {
    const bytes = await data.read({ pieces: [piece], minBytes: 1 }, limit);
    if (bytes === 0) return reader.end();
    allBytes += bytes;
    if (allBytes > MAX_LISTING_BYTES) throw new ListingTooLong(`${MAX_LISTING_BYTES / 1024 / 1024} MiB`);
    reader.add(piece.toString('latin1', 0, bytes));
    await nextTurn();
  }
}

export function findListed({ entries }: FtpListing, name: string): ListedEntry | undefined {
  return entries.find((entry) => entry.name === name);
}

class ListingReader {
  readonly #isExact: boolean;
  readonly #entries: ListedEntry[] = [];
  readonly #nowMs = Date.now();
  #part = '';
  /** Of those that are no entries, the first: a name may have a line end in it. */
  #strange: string | undefined;

  constructor(isExact: boolean) {
    this.#isExact = isExact;
  }

  add(text: string): void {
    const lines = (this.#part + text).split('\n');
    this.#part = lines.pop() ?? '';
    if (this.#part.length > MAX_LINE_CHARS)
      throw new ListingTooLong(`${MAX_LINE_CHARS} characters in a line`);
    for (const line of lines) this.#addLine(line);
  }

  end(): FtpListing {
    if (this.#part !== '') this.#addLine(this.#part);
    const isNone = this.#entries.length === 0 && this.#strange !== undefined;
    if (isNone) throw new MalformedReply('a listing as by ls -l or DOS');
    return { entries: this.#entries, isExact: this.#isExact };
  }

  #addLine(written: string): void {
    const line = written.endsWith('\r') ? written.slice(0, -1) : written;
    if (line === '' || /^total\b/i.test(line)) return;
    const entry = line.includes('\r') ? undefined : this.#entryOf(line);
    if (entry === undefined) this.#strange ??= line;
    else if (entry !== 'none') this.#entries.push(entry);
    if (this.#entries.length > MAX_LISTED_ENTRIES) throw new ListingTooLong(`${MAX_LISTED_ENTRIES} entries`);
  }

  #entryOf(line: string): ListedEntry | 'none' | undefined {
    if (!this.#isExact) {
      const listed = parseListLine(line, this.#nowMs);
      if (listed === undefined) return isOwnDirectory(line) ? 'none' : undefined;
      return { ...listed, isDirectory: listed.kind === 'directory' };
    }
    const facts = parseFacts(line);
    if (facts === undefined) return undefined;
    const { kind, name, stat } = facts;
    return kind === 'self' ? 'none' : { ...stat, kind, name };
  }
}

/** `.` and `..`, which are no entries. */
function isOwnDirectory(line: string): boolean {
  return /\s\.{1,2}$/.test(line);
}
