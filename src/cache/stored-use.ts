import type { ContentDigest } from '../source/index.js';
import type { Block } from './blocks/block.js';
import type { StoredBlocks } from './stored-blocks.js';
import type { StorableVersion, VersionStorage } from './version-storage.js';

/** What is on disk of a version while it is in use, and until what was written then is stored. */
export class StoredUse {
  readonly #version: StorableVersion;
  readonly #storage: VersionStorage;
  readonly #onStored: () => void;
  #stored: StoredBlocks | undefined;
  /** It is not known yet what is on disk. */
  #opening: Promise<StoredBlocks | undefined> | undefined;
  /** How many earlier uses still write. */
  #closing = 0;
  #isInUse = false;

  /** `onStored`: an earlier use has been stored. */
  constructor(version: StorableVersion, storage: VersionStorage, onStored: () => void) {
    this.#version = version;
    this.#storage = storage;
    this.#onStored = onStored;
  }

  /** Undefined: what is on disk is not known yet, or nothing is to be stored. */
  get blocks(): StoredBlocks | undefined {
    return this.#opening === undefined ? this.#stored : undefined;
  }

  /** Resolves when it is known what is on disk; undefined: it is known already. */
  get whenOpen(): Promise<unknown> | undefined {
    return this.#opening;
  }

  /** Earlier uses are still being stored. */
  get isClosing(): boolean {
    return this.#closing > 0;
  }

  /** Looks for it on disk. What comes from now on is stored. */
  open(): void {
    this.#isInUse = true;
    const opened = this.#storage.open(this.#version, this.isClosing);
    if (!(opened instanceof Promise)) {
      if (opened !== undefined) this.#attach(opened);
      return;
    }
    const opening = opened.then((stored) => {
      const isOver = this.#opening !== opening;
      if (!isOver) this.#opening = undefined;
      // Another use has begun since.
      if (isOver && this.#isInUse) this.#storeAll(stored);
      else this.#attach(stored);
      return stored;
    });
    this.#opening = opening;
  }

  #attach(stored: StoredBlocks | undefined): void {
    this.#storeAll(stored);
    this.#stored = stored;
  }

  /** What came before it was open. */
  #storeAll(stored: StoredBlocks | undefined): void {
    const { blocks, file } = this.#version;
    if (file.digest !== undefined) stored?.learnDigest(file.digest);
    for (const block of blocks.complete) stored?.store(block);
  }

  store(block: Block, checksum: number | undefined): void {
    this.#stored?.store(block, checksum);
  }

  learnDigest(digest: ContentDigest): void {
    this.blocks?.learnDigest(digest);
  }

  /** The version is used no more. What is to be written still will be. */
  close(): void {
    this.#isInUse = false;
    const opened = this.#opening ?? this.#stored;
    this.#opening = undefined;
    if (opened === undefined) return;
    this.#closing += 1;
    void this.#storage.close(opened).then(() => {
      this.#closing -= 1;
      if (!this.#isInUse && this.#closing === 0) this.#stored = undefined;
      this.#onStored();
    });
  }

  /** What is on disk would be taken for the current version again. */
  drop(): void {
    this.#stored?.drop();
    this.#storage.drop(this.#version.blocks.key);
  }
}
