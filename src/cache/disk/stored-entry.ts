import { checksumOf } from '../../checksum.js';
import { codeOf } from '../../error-code.js';
import type { VersionKey } from '../version-identity.js';
import type { ColdRegion, OpenEntry } from './catalog.js';
import { urlOfResource } from './credential-scope.js';
import { DataFile } from './data-file.js';
import { DiskJobError } from './disk-thread.js';
import type { CheckedBlock, StoredFacts, WritePath } from './disk-cache.js';
import { readAt } from './file-io.js';
import { blockLength, chargeOf, type Geometry, geometryOf, pagesOf } from './geometry.js';
import { type DecodedIndex, encodeHeader, encodeIdentity, IDENTITY_AT, RECORD_BYTES } from './index-file.js';
import { filePath, nameOfVersion } from './layout.js';
import { type CopyFiles, LocalCopy } from './local-copy.js';
import { indexState, readIndex } from './read-index.js';
import { sharedBlocks } from './shared-memory.js';
import { isGone, type StoreContext, type Writer } from './store-context.js';
import type { PatchJob } from './worker/file-changes.js';
import { currentWriter, doubt } from './writer-lease.js';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

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
  /** That are under way. */
  #writes = 0;
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
    return this.#writes > 0;
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
    await this.write([], 'cached');
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

  /** Stores blocks, in ascending order. Never rejects. */
  async write(given: readonly CheckedBlock[], path: WritePath): Promise<boolean> {
    const { warnings, isClosing } = this.#context;
    if (isClosing) return false;
    try {
      for (;;) {
        const writer = await currentWriter(this.#context);
        if (writer === undefined || this.isDropped) return false;
        const { writer: loadedBy, isUnreadable } = this.#copy;
        if (loadedBy !== writer || isUnreadable) await this.load();
        const current = this.#copy;
        if (current.isUnreadable || current.writer !== writer) return false;
        const blocks = given.filter(({ index }) => !current.table.has(index));
        if (blocks.length === 0 && current.start !== undefined) return true;
        const header = current.start === undefined ? this.#header() : undefined;
        if (current.start === undefined && header === undefined) return false;
        const growthBytes = this.#growthBytes(blocks, header?.bytes.length ?? 0);
        const room = writer.catalog.makeRoom(growthBytes, this.name);
        if (!(typeof room === 'boolean' ? room : await room)) return false;
        // Meanwhile others may have made the files, or removed them.
        const isSame = this.#copy === current && (current.start === undefined) === (header !== undefined);
        if (isSame) return await this.#submit(writer, current, { blocks, header, growthBytes, path });
        writer.catalog.space.usedBytes -= growthBytes;
      }
    } catch (error) {
      warnings.warn('cannot store blocks', error);
      return false;
    }
  }

  async #submit(writer: Writer, current: LocalCopy, write: Write): Promise<boolean> {
    const { thread, warnings } = this.#context;
    const { blocks, header, growthBytes, path } = write;
    const { catalog } = writer;
    const url = urlOfResource(this.key.resource);
    current.start ??= header;
    const { recordsAt = 0, seed = 0 } = current.start ?? {};
    if (header !== undefined) catalog.charge(this.name, growthBytes, growthBytes, url);
    for (const { index } of blocks) current.regions?.use(index, this.#now());
    const reservedBytes = header === undefined ? growthBytes : 0;
    let allocatedBytes: number | undefined;
    let failure: unknown;
    this.#writes += 1;
    try {
      const result = await thread.run('write', {
        name: this.name,
        create: header && { header: header.bytes, dataBytes: this.geometry.sizeBytes },
        blockBytes: this.geometry.blockBytes,
        recordsAt,
        seed,
        isDirect: path === 'direct',
        ...sharedBlocks(blocks),
      });
      ({ allocatedBytes } = result);
      failure = result.error && new DiskJobError(result.error);
    } catch (error) {
      failure = error;
    }
    this.#writes -= 1;
    const isSame = this.#copy === current;
    if (isSame) {
      const chargedBytes =
        allocatedBytes === undefined
          ? catalog.bytesOf(this.name) + reservedBytes
          : chargeOf(allocatedBytes, this.geometry.blockBytes);
      catalog.charge(this.name, chargedBytes, reservedBytes, url);
    } else {
      catalog.space.usedBytes -= reservedBytes;
    }
    if (failure !== undefined) {
      warnings.warn('cannot store blocks', failure);
      if (isSame && header !== undefined) await catalog.remove(this.name);
      if (FULL.has(codeOf(failure))) catalog.space.noteFull();
      // Perhaps the directory itself was removed.
      if (codeOf(failure) === 'ENOENT') doubt(writer);
      return false;
    }
    if (!isSame) return false;
    for (const { index, checksum } of blocks) current.table.store(index, checksum);
    return true;
  }

  coldestRegion(): ColdRegion | undefined {
    const coldest = this.#copy.regions?.coldest();
    return coldest && { usedAtMs: coldest.usedAtMs, evict: () => this.#evictRegion(coldest.region) };
  }

  /** Resolves to what that freed; undefined: it cannot be done. Never rejects. */
  async #evictRegion(region: number): Promise<number | undefined> {
    const { thread, writer, warnings } = this.#context;
    const { geometry, name } = this;
    const current = this.#copy;
    const { regions } = current;
    if (regions === undefined || writer === undefined || current.start === undefined) return undefined;
    const first = region * regions.regionBlocks;
    const end = Math.min(first + regions.regionBlocks, geometry.blockCount);
    for (let index = first; index < end; index += 1) current.table.forget(index);
    regions.clear(region);
    const beforeBytes = writer.catalog.bytesOf(name);
    const at = first * geometry.blockBytes;
    try {
      const { allocatedBytes, error } = await thread.run('punch', {
        name,
        index: { at: current.start.recordsAt + first * RECORD_BYTES, bytes: (end - first) * RECORD_BYTES },
        data: { at, bytes: Math.min(end * geometry.blockBytes, geometry.sizeBytes) - at },
      });
      if (error !== undefined) throw new DiskJobError(error);
      if (this.#copy !== current) return 0;
      const chargedBytes = chargeOf(allocatedBytes, geometry.blockBytes);
      writer.catalog.charge(name, chargedBytes, 0, urlOfResource(this.key.resource));
      return beforeBytes - writer.catalog.bytesOf(name);
    } catch (error) {
      warnings.warn('cannot evict a part of a large file', error);
      return (await writer.catalog.remove(name)) ? beforeBytes : undefined;
    }
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

  #header(): ReturnType<typeof encodeHeader> {
    const { blockBytes } = this.geometry;
    return encodeHeader({ url: this.key.resource, facts: this.facts, blockBytes });
  }

  /** How many more bytes the files may take after this write. `headerBytes` 0: there are files. */
  #growthBytes(blocks: readonly CheckedBlock[], headerBytes: number): number {
    const dataBytes = blocks.reduce((sum, { bytes }) => sum + pagesOf(bytes.byteLength), 0);
    // Each run of records may begin a page, and end in another one.
    const indexBytes = Math.min(
      pagesOf(headerBytes) + blocks.length * pagesOf(1),
      pagesOf(headerBytes + this.geometry.blockCount * RECORD_BYTES),
    );
    return headerBytes === 0
      ? dataBytes + indexBytes
      : chargeOf(dataBytes + indexBytes, this.geometry.blockBytes);
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

interface Write {
  readonly blocks: readonly CheckedBlock[];
  readonly header: ReturnType<typeof encodeHeader>;
  readonly growthBytes: number;
  readonly path: WritePath;
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
