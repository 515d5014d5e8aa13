import type { DiskCache, StoredVersion } from '../../src/cache/disk/disk-cache.js';

/** Takes everything, and keeps nothing. */
class RehearsalVersion implements StoredVersion {
  readonly storedBytes = 0;

  has(): boolean {
    return false;
  }

  read(_first: number, targets: readonly Uint8Array[]): Promise<boolean[]> {
    return Promise.resolve(targets.map(() => false));
  }

  write(): Promise<boolean> {
    return Promise.resolve(true);
  }

  localFd(): undefined {
    return undefined;
  }

  close(): void {
    // Nothing is open.
  }
}

/** A disk on which nothing ever is. */
export class RehearsalDisk implements DiskCache {
  readonly usedBytes = 0;

  mayHave(): boolean {
    return false;
  }

  open(): Promise<StoredVersion> {
    return Promise.resolve(new RehearsalVersion());
  }

  newest(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  confirm(): void {
    // Nobody will ask.
  }

  drop(): void {
    // There is nothing.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
