/** One answer to LISTSTATUS_BATCH, or the one to LISTSTATUS. */
import { encodeStrict } from '../../auth/canonical.js';
import { ProtocolError } from '../../errors.js';
import type { TextReader } from '../../http/http-engine.js';
import { JsonRows } from '../../json-rows.js';
import { ListingTooLong, MAX_LISTED_ENTRIES } from '../../listing-limits.js';
import type { UrlEntry } from '../../metadata.js';
import { NamedEntry } from '../../named-entry.js';
import { isEntryName } from '../bucket/object-entry.js';
import { type FileStatus, fileStatusOf } from './file-status.js';

export interface DirectoryPage {
  readonly entries: readonly UrlEntry[];
  /** The name behind which the next page begins. Undefined: this page is the last. */
  readonly next: { readonly value: string } | undefined;
}

const STATUSES = ['FileStatuses', 'FileStatus'];
const BATCH = ['DirectoryListing', 'partialListing', ...STATUSES];

export class DirectoryReader implements TextReader<DirectoryPage> {
  readonly #directory: URL;
  readonly #isBatch: boolean;
  readonly #rows: JsonRows;
  readonly #entries: UrlEntry[] = [];
  #lastName: string | undefined;

  constructor(directory: URL, isBatch: boolean) {
    this.#directory = directory;
    this.#isBatch = isBatch;
    this.#rows = new JsonRows(...(isBatch ? BATCH : STATUSES));
  }

  read(text: string): number {
    const rows = this.#whole(() => this.#rows.read(text));
    for (const row of rows) this.#add(fileStatusOf(row, this.#directory));
    if (this.#entries.length > MAX_LISTED_ENTRIES) throw new ListingTooLong(`${MAX_LISTED_ENTRIES} entries`);
    return rows.length;
  }

  end(): DirectoryPage {
    const rest = this.#whole(() => this.#rows.end());
    return { entries: this.#entries, next: this.#isBatch ? this.#next(rest) : undefined };
  }

  #add(status: FileStatus): void {
    const { name, kind, sizeBytes, modifiedMs, mode, etag } = status;
    if (name === '') {
      const facts = { expected: 'a directory', found: 'a file, which lists itself' };
      throw new ProtocolError('there is nothing to list', this.#directory, facts);
    }
    this.#lastName = name;
    if (!isEntryName(name)) return;
    const isFile = kind === 'file';
    const isDir = kind === 'directory';
    const facts = { isDir, lastModified: modifiedMs, lastModifiedPrecisionMs: 1, mode };
    const version = { size: sizeBytes, etag };
    this.#entries.push(
      new NamedEntry(this.#directory, encodeStrict(name), isFile ? { ...facts, ...version } : facts),
    );
  }

  #next(rest: unknown): DirectoryPage['next'] {
    const { DirectoryListing: listing } = rest as {
      readonly DirectoryListing: { readonly remainingEntries?: unknown };
    };
    const { remainingEntries } = listing;
    const isCount = Number.isSafeInteger(remainingEntries) && Number(remainingEntries) >= 0;
    if (!isCount || (Number(remainingEntries) > 0 && this.#lastName === undefined)) {
      throw new ProtocolError('the listing cannot be read', this.#directory, {
        expected: 'remainingEntries, and entries if there are more of them',
        found: isCount ? 'no entry' : 'none',
      });
    }
    return Number(remainingEntries) > 0 ? { value: this.#lastName ?? '' } : undefined;
  }

  #whole<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ProtocolError('the listing cannot be read', this.#directory, {
        expected: 'JSON with FileStatus',
        found: 'something else, or less',
      });
    }
  }
}
