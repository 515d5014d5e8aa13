import type { ContentDigest } from '../../source/index.js';
import type { CheckedBlock, StoredVersion, WritePath } from './disk-cache.js';
import type { DataFile } from './data-file.js';
import { blockLength } from './geometry.js';
import type { StoreContext } from './store-context.js';
import type { StoredEntry } from './stored-entry.js';

/** How often a process that only reads looks for what the writer has added. */
const REFRESH_EVERY_MS = 1_000;

/** One opening of an entry, with the descriptor that it was handed. */
export class EntryHandle implements StoredVersion {
  readonly #context: StoreContext;
  readonly #entry: StoredEntry;
  #held: DataFile | undefined;
  #refreshedAtMs = performance.now();
  #isClosed = false;

  /** The entry is retained for it. */
  constructor(context: StoreContext, entry: StoredEntry) {
    this.#context = context;
    this.#entry = entry;
    entry.handles += 1;
  }

  get #isUsable(): boolean {
    return !this.#isClosed && !this.#entry.isDropped;
  }

  has(index: number): boolean {
    if (!this.#isUsable) return false;
    if (this.#entry.copy.table.has(index)) return true;
    if (this.#context.writer === undefined) this.#refresh();
    return false;
  }

  get storedBytes(): number {
    return this.#isUsable ? this.#entry.copy.table.storedBytes : 0;
  }

  noteUse(): void {
    if (this.#isUsable && !this.#context.isClosing) this.#entry.noteUse();
  }

  learnDigest(digest: ContentDigest): void {
    this.#entry.facts = { digest, ...this.#entry.facts };
  }

  async read(first: number, targets: readonly Uint8Array[]): Promise<readonly boolean[]> {
    const { blockCount } = this.#entry.geometry;
    const inside = targets.slice(0, Math.max(0, blockCount - first));
    if (this.#isClosed || inside.length === 0) return targets.map(() => false);
    const right = await this.#entry.whileRetained(() => this.#entry.read(first, inside));
    return targets.map((_, offset) => right[offset] === true);
  }

  async write(blocks: readonly CheckedBlock[], path: WritePath = 'cached'): Promise<boolean> {
    if (this.#isClosed || !blocks.every((block) => this.#isWhole(block))) return false;
    return await this.#entry.whileRetained(async () => {
      const isStored = await this.#entry.writer.write(blocks, path);
      const { copy, geometry } = this.#entry;
      // Of one block, when the copy is needed.
      if (geometry.blockCount > 1 && copy.table.isComplete && !copy.isVerified()) void copy.verify();
      return isStored;
    });
  }

  #isWhole({ index, bytes }: CheckedBlock): boolean {
    return bytes.byteLength === blockLength(this.#entry.geometry, index);
  }

  localFd(): number | undefined {
    if (!this.#isUsable) return undefined;
    const { copy } = this.#entry;
    this.#held ??= copy.acquire();
    return this.#held === copy.file && copy.isVerified() ? copy.file.fd : undefined;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#held?.release();
    this.#entry.handles -= 1;
    // The digest is compared all the same: at best right after the download.
    if (this.#entry.handles === 0 && this.#entry.facts.digest === undefined) this.#entry.copy.cancel();
    this.#entry.release();
  }

  #refresh(): void {
    const now = performance.now();
    if (now - this.#refreshedAtMs < REFRESH_EVERY_MS) return;
    this.#refreshedAtMs = now;
    void this.#entry.whileRetained(() => this.#entry.refresh());
  }
}
