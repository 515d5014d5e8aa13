/** What a warm job uses of the cache. Faults are errors with a `code`, as those of sources are. */
export interface WarmableCache {
  /** `page`: a file that may have others below it. */
  kindOf(url: string, signal: AbortSignal): Promise<'file' | 'page' | 'directory'>;
  /** The entries of a directory, some at a time; the next come when `onEntries` has resolved. */
  eachEntry(
    directory: string,
    onEntries: (entries: readonly WarmEntry[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Brings all of a file to disk. What `onSize` rejects with ends it; `isNew`: it was not there before. */
  fetch(
    url: string,
    options: {
      readonly signal: AbortSignal;
      readonly onSize: (sizeBytes: number) => Promise<void>;
      readonly onStored: (bytes: number, isNew: boolean) => void;
    },
  ): Promise<void>;
  /** What is on disk, without a query of the source; `sizeBytes` undefined: that is not known. */
  storedPart(
    url: string,
    listed?: WarmEntry['listed'],
  ): Promise<{ readonly sizeBytes: number | undefined; readonly storedBytes: number }>;
  /** Undefined: there is no disk cache, or another process writes it. */
  room(): Promise<WarmableRoom | undefined>;
}

export interface WarmableRoom {
  /** All that may be on disk. */
  readonly capacityBytes: number;
  /** Of it, what is there and pinned. */
  readonly pinnedBytes: number;
  isPinned(url: string): boolean;
  /** What a file of this size takes of it. */
  chargeOf(sizeBytes: number): number;
}

export interface WarmEntry {
  readonly url: string;
  readonly kind: 'file' | 'directory';
  /** As its listing has it. */
  readonly sizeBytes: number | undefined;
  readonly listed: object;
}
