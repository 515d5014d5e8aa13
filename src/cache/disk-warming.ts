/** Content is brought to disk before it is read: `d7y-mount warm`. */
import { canonicalSegment, IsDirectoryError, orAborted } from '../source/index.js';
import type { CacheParts } from './cache-parts.js';
import type { DiskRoom } from './disk/disk-cache.js';
import { Semaphore } from './disk/semaphore.js';
import { fetchToDisk } from './download/fetch-to-disk.js';
import { contradicts, type FileMetadata, metadataFromFacts, type ResourceMetadata } from './file-metadata.js';
import { NotStoredError } from './not-stored-error.js';
import type { ListedEntry } from './resource-cache.js';

/** Of a directory. */
export interface FoundEntry {
  readonly url: string;
  readonly kind: 'file' | 'directory';
  /** As the listing has it; undefined: it has none. */
  readonly sizeBytes: number | undefined;
  readonly listed: ListedEntry;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Called once, before its content is fetched. What it rejects with ends the fetch. */
  readonly onSize: (sizeBytes: number) => Promise<void>;
  /** So much more is on disk; `isNew`: it was fetched for this. */
  readonly onStored: (bytes: number, isNew: boolean) => void;
}

/** What is on disk of a file; `sizeBytes` undefined: it is not known without its source. */
export interface StoredPart {
  readonly sizeBytes: number | undefined;
  readonly storedBytes: number;
}

/** Pieces are short, so that many files make progress in little memory. */
const MAX_PIECE_BYTES = 4 * 1024 * 1024;
/** All pieces together: the rest is for what is read. */
const MEMORY_SHARE = 1 / 4;
const PIECES = 16;

export class DiskWarming {
  readonly #parts: CacheParts;
  readonly #pieceBlocks: number;
  readonly #pieces: Semaphore;

  constructor(parts: CacheParts) {
    const { limitBytes, blockBytes } = parts.versions.pool;
    this.#parts = parts;
    const shareBytes = limitBytes * MEMORY_SHARE;
    this.#pieceBlocks = Math.max(1, Math.floor(Math.min(MAX_PIECE_BYTES, shareBytes / PIECES) / blockBytes));
    this.#pieces = new Semaphore(Math.max(1, Math.floor(shareBytes / (this.#pieceBlocks * blockBytes))));
  }

  /** `page`: a file that may have others below it. */
  async kindOf(url: string, signal: AbortSignal): Promise<'file' | 'page' | 'directory'> {
    const metadata = await this.#metadataOf(url, signal);
    if (metadata.kind === 'directory') return 'directory';
    return metadata.isPage === true ? 'page' : 'file';
  }

  async #metadataOf(url: string, signal: AbortSignal): Promise<ResourceMetadata> {
    const { queries, table } = this.#parts;
    return await queries.get(table.of(url), { signal });
  }

  /** The entries of a directory, some at a time; the next come when `onEntries` has resolved. */
  async eachEntry(
    directory: string,
    onEntries: (entries: readonly FoundEntry[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#parts.listings.each(
      directory,
      async (entries, queriedAtMs) => {
        const found = entries.map((listed): FoundEntry => {
          const url = `${directory}/${canonicalSegment(listed.segment)}`;
          const isDirectory = typeof listed.stat === 'object' && listed.stat.kind === 'directory';
          if (!isDirectory) this.#adopt(url, listed, queriedAtMs);
          return { url, kind: isDirectory ? 'directory' : 'file', sizeBytes: sizeOf(listed), listed };
        });
        await onEntries(found);
      },
      signal,
    );
  }

  /** As a use of the name would. */
  #adopt(url: string, listed: ListedEntry, queriedAtMs: number): void {
    const { table } = this.#parts;
    const resource = listed.etag === undefined ? table.get(url) : table.of(url);
    if (resource?.adopt(listed, queriedAtMs) === undefined) resource?.compare(listed, queriedAtMs);
  }

  /** Brings all of a file to disk, unless it is there. */
  async fetch(url: string, { signal, onSize, onStored }: FetchOptions): Promise<void> {
    const { table, versions } = this.#parts;
    const { file, sizeBytes } = await this.#sizedFile(url, signal);
    const version = table.of(url).versionOf(file);
    version.retain(undefined);
    try {
      await onSize(sizeBytes);
      const { stored } = version;
      if (stored.whenOpen !== undefined) await orAborted(stored.whenOpen, signal, url);
      if (!stored.isStoring) throw new NotStoredError('NO_ROOM', 'the disk cache is off, or is ending');
      await fetchToDisk({
        version,
        sizeBytes,
        pieceBlocks: this.#pieceBlocks,
        pieces: this.#pieces,
        behind: versions.storage.behind,
        signal,
        onStored,
      });
      stored.noteUse();
    } finally {
      version.release();
    }
  }

  /** A body of unknown length is read once to learn it: what of it stays in memory is not fetched again. */
  async #sizedFile(url: string, signal: AbortSignal): Promise<{ file: FileMetadata; sizeBytes: number }> {
    const file = await this.#metadataOf(url, signal);
    if (file.kind === 'directory') throw new IsDirectoryError(url);
    checkStorable(file);
    if (file.size !== undefined) return { file, sizeBytes: file.size };
    const version = this.#parts.table.of(url).versionOf(file);
    version.retain(undefined);
    try {
      const sizeBytes = await version.downloader.whenSizeKnown(signal);
      return { file: { ...file, size: sizeBytes }, sizeBytes };
    } finally {
      version.release();
    }
  }

  /** What is on disk of the version that was known last. Queries no source. */
  async storedPart(url: string, listed?: ListedEntry): Promise<StoredPart> {
    const { table } = this.#parts;
    const { storage } = this.#parts.versions;
    const last = table.get(url)?.lastKnown;
    const recalled = last === undefined ? await storage.newest(url) : undefined;
    const known = recalled === undefined ? last : metadataFromFacts(recalled.facts);
    const isCurrent = known !== undefined && (listed === undefined || !contradicts(listed, known));
    if (!isCurrent || known === 'missing' || known.kind === 'directory') {
      return { sizeBytes: listed && sizeOf(listed), storedBytes: 0 };
    }
    return { sizeBytes: known.size, storedBytes: await storage.storedBytes(url, known) };
  }

  /** Undefined: there is no disk cache, or another process writes it. */
  async room(): Promise<DiskRoom | undefined> {
    return await this.#parts.versions.storage.disk?.room();
  }
}

function sizeOf({ stat }: ListedEntry): number | undefined {
  return typeof stat === 'object' && stat.kind === 'file' ? stat.size : undefined;
}

function checkStorable(file: FileMetadata): void {
  if (!file.version.verifiable) {
    throw new NotStoredError(
      'NOT_STORABLE',
      'its source gives neither a strong ETag nor a usable Last-Modified',
    );
  }
  if (file.usedOtherCredentials === true) {
    throw new NotStoredError('NOT_STORABLE', 'it was fetched with credentials of a redirect');
  }
}
