import { checksumOf } from '../../checksum.js';
import { codeOf } from '../../error-code.js';
import type { VersionKey } from '../version-identity.js';
import type { ColdRegion, OpenEntry } from './catalog.js';
import { DataFile } from './data-file.js';
import type { StoredFacts } from './disk-cache.js';
import { EntryWriter } from './entry-writer.js';
import { readAt } from './file-io.js';
import { blockLength, type Geometry, geometryOf } from './geometry.js';
import { type DecodedIndex, encodeIdentity, IDENTITY_AT, RECORD_BYTES } from './index-file.js';
import { filePath, nameOfVersion } from './layout.js';
import { type CopyFiles, LocalCopy } from './local-copy.js';
import { indexState, readIndex } from './read-index.js';
import { isGone, type StoreContext } from './store-context.js';
import type { PatchJob } from './worker/file-changes.js';

/** A version that is open, for all of its handles: one data file, and its index. */
export class StoredEntry implements OpenEntry {
  readonly key: VersionKey;
  facts: StoredFacts;
  readonly geometry: Geometry;
  readonly name: string;
  /** The source has another version: nothing is stored of this one any more. */
  isDropped = false;
  /** Called with the digest of a complete copy that does not have that of the facts. */
  onCorrupt: (found: string) => void = () => undefined;
  /** Resolves when it is known what is stored. */
  readonly loaded: Promise<void>;
  /** How many `StoredVersion`s are not closed. */
  handles = 0;
  readonly writer: EntryWriter;
  readonly #context: StoreContext;
  readonly #onUnused: (entry: StoredEntry) => void;
  #copy: LocalCopy;
  /** Of the index file, as a process that only reads saw it. */
  #seenIndex = '';
  /** Handles, and operations in flight. */
  #users = 0;

  constructor(
    context: StoreContext,
    key: VersionKey,
    facts: StoredFacts,
    onUnused: (entry: StoredEntry) => void,
  ) {
    const { blockBytes, limitBytes } = context.options;
    this.key = key;
    this.facts = facts;
    this.geometry = geometryOf(facts.sizeBytes, blockBytes, limitBytes);
    this.name = nameOfVersion(key);
    this.#context = context;
    this.#onUnused = onUnused;
    this.writer = new EntryWriter(context, this);
    this.#copy = this.#newCopy({ writer: undefined });
    this.loaded = facts.sizeBytes > 0 ? this.load() : this.#loadEmpty();
  }

  get copy(): LocalCopy {
    return this.#copy;
  }

  get isHeld(): boolean {
    return this.#copy.file.isHeld;
  }

  get isWritten(): boolean {
    return this.writer.isWriting;
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#onUnused(this);
    void this.#copy.retire();
  }

  async whileRetained<T>(work: () => Promise<T>): Promise<T> {
    const { inFlight } = this.#context;
    this.retain();
    const done = work();
    inFlight.add(done);
    try {
      return await done;
    } finally {
      inFlight.delete(done);
      this.release();
    }
  }

  /** Reads what is stored. What cannot be trusted is nothing, and the writer removes it. Never rejects. */
  async load(): Promise<void> {
    const { root, warnings, writer } = this.#context;
    const before = this.#copy;
    if (writer?.catalog.isMissing(this.name) === true) return void this.#adopt({ writer });
    const file = this.#newFile();
    try {
      if (writer === undefined) this.#seenIndex = await indexState(root, this.name);
      // At once: each is several turns of the system's threads, which a reader waits for.
      const [index, state] = await Promise.all([
        readIndex(root, this.name, this.geometry, (decoded) => this.#isExpected(decoded)),
        unlessMissing(file.state()),
      ]);
      // It was removed, or made, meanwhile.
      if (this.#copy !== before) return void file.retire();
      if (typeof index === 'object' && state !== undefined) {
        const { decoded, table } = index;
        void this.#adopt({ table, file, writer, start: decoded });
        this.#useAllRegions();
        return await this.#copy.loaded(decoded.identity, state);
      }
      void file.retire();
      void this.#adopt({ writer });
      if (index !== undefined) void writer?.catalog.remove(this.name);
    } catch (error) {
      void file.retire();
      warnings.warn('cannot read an index file', error);
      if (this.#copy === before) void this.#adopt({ writer, isUnreadable: true });
    }
  }

  /** An empty version has no blocks that would bring its files into being. */
  async #loadEmpty(): Promise<void> {
    await this.load();
    await this.writer.write([], 'cached');
    await this.#copy.verify();
  }

  /** Reads what the writer, another process, has changed. Never rejects. */
  async refresh(): Promise<void> {
    const { root, isClosing } = this.#context;
    if (isClosing || (await indexState(root, this.name)) === this.#seenIndex || this.isDropped) return;
    await this.load();
  }

  /** One boolean per block: whether the target holds the right bytes. Never rejects. */
  async read(first: number, targets: readonly Uint8Array[]): Promise<boolean[]> {
    const { reads, warnings, isClosing } = this.#context;
    const copy = this.#copy;
    const { table, file, start, regions } = copy;
    if (start === undefined || this.isDropped || isClosing) return targets.map(() => false);
    this.noteUse();
    for (const block of [first, first + targets.length - 1]) regions?.use(block, this.#now());
    let bytes = 0;
    try {
      const at = first * this.geometry.blockBytes;
      bytes = await reads.run(() => file.use((fd) => readAt(fd, targets, at)));
    } catch (error) {
      if (copy === this.#copy && !isGone(this.#context, error))
        warnings.warn('cannot read a stored block', error);
      for (const offset of targets.keys()) table.forget(first + offset);
      return targets.map(() => false);
    }
    const wrong: number[] = [];
    let end = 0;
    const right = targets.map((target, offset) => {
      const index = first + offset;
      end += target.byteLength;
      // A block may have been forgotten, and its bytes be gone, since the read began.
      if (!table.has(index) || target.byteLength !== blockLength(this.geometry, index)) return false;
      if (end <= bytes && checksumOf(target) === table.checksums[index]) return true;
      wrong.push(index);
      return false;
    });
    if (wrong.length > 0) this.forget(copy, wrong);
    return right;
  }

  coldestRegion(): ColdRegion | undefined {
    const coldest = this.#copy.regions?.coldest();
    return coldest && { usedAtMs: coldest.usedAtMs, evict: () => this.writer.evictRegion(coldest.region) };
  }

  /** Blocks that are not what the index says. */
  forget({ table, start }: LocalCopy, wrong: readonly number[]): void {
    const { warnings, writer } = this.#context;
    for (const index of wrong) table.forget(index);
    if (table !== this.#copy.table) return;
    // Another process may just have evicted it, or a part of it.
    if (writer === undefined) return;
    this.#context.corruptBlocks += wrong.length;
    warnings.warn('a stored block is wrong and is forgotten', undefined, { entry: this.name });
    const { recordsAt = 0 } = start ?? {};
    const zeros = new Uint8Array(RECORD_BYTES);
    void this.#patch([
      { at: IDENTITY_AT, bytes: encodeIdentity(undefined) },
      ...wrong.map((index) => ({ at: recordsAt + index * RECORD_BYTES, bytes: zeros })),
    ]);
  }

  /** So that the next run hands the file out at once. */
  async writeIdentity(identity: string | undefined): Promise<void> {
    await this.#patch([{ at: IDENTITY_AT, bytes: encodeIdentity(identity) }]);
  }

  /** Until it is done the entry stays open: another opening would read what was there before. */
  async #patch(writes: PatchJob['writes']): Promise<void> {
    const { thread, writer, warnings } = this.#context;
    if (writer === undefined || this.#copy.writer !== writer) return;
    try {
      await this.whileRetained(() => thread.run('patch', [{ name: this.name, writes }]));
    } catch (error) {
      warnings.warn('cannot change an index file', error);
    }
  }

  /** So that the order of use outlives the process. */
  noteUse(): void {
    const { writer, thread, warnings } = this.#context;
    const usedAtMs = writer?.catalog.use(this.name);
    if (usedAtMs === undefined) return;
    thread.run('patch', [{ name: this.name, writes: [], usedAtMs }]).catch((error: unknown) => {
      warnings.warn('cannot note the use of what is stored', error);
    });
  }

  /** The files are being removed. Resolves when they are closed. */
  async detach(): Promise<void> {
    await this.#adopt({ writer: this.#context.writer });
  }

  /** Forgets everything at once. */
  drop(): void {
    this.isDropped = true;
    this.#copy.discard();
  }

  /** In place of the one before. Resolves when the file of that is closed. */
  #adopt(files: Partial<CopyFiles> & Pick<CopyFiles, 'writer'>): Promise<void> {
    const closed = this.#copy.retire();
    this.#copy = this.#newCopy(files);
    return closed;
  }

  #newCopy(files: Partial<CopyFiles> & Pick<CopyFiles, 'writer'>): LocalCopy {
    return new LocalCopy(this.#context, this, { file: this.#newFile(), ...files });
  }

  #newFile(): DataFile {
    const { root, idleFiles } = this.#context;
    return new DataFile(filePath(root, this.name, 'data'), idleFiles);
  }

  #isExpected({ header }: DecodedIndex): boolean {
    const { resource, version } = this.key;
    const { sizeBytes, blockBytes } = this.geometry;
    const { facts } = header;
    const isSame = header.url === resource && facts.version.id === version && facts.sizeBytes === sizeBytes;
    return isSame && header.blockBytes === blockBytes;
  }

  #useAllRegions(): void {
    const { regions, table } = this.#copy;
    if (regions === undefined) return;
    const usedAtMs = this.#context.writer?.catalog.usedAtMs(this.name) ?? 0;
    for (let index = 0; index < this.geometry.blockCount; index += 1)
      if (table.has(index)) regions.use(index, usedAtMs);
  }

  #now(): number {
    return this.#context.writer?.catalog.now() ?? 0;
  }
}

/** What a missing file has: undefined. */
async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return undefined;
  }
}
