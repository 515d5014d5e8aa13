import { codeOf } from '../../error-code.js';
import type { VersionKey } from '../version-identity.js';
import { urlOfResource } from './credential-scope.js';
import type { CheckedBlock, StoredFacts, WritePath } from './disk-cache.js';
import { DiskJobError } from './disk-thread.js';
import { chargeOf, type Geometry, pagesOf } from './geometry.js';
import { encodeHeader, RECORD_BYTES } from './index-file.js';
import type { LocalCopy } from './local-copy.js';
import { sharedBlocks } from './shared-memory.js';
import type { StoreContext, Writer } from './store-context.js';
import { currentWriter, doubt } from './writer-lease.js';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

export interface WrittenEntry {
  readonly key: VersionKey;
  readonly facts: StoredFacts;
  readonly geometry: Geometry;
  readonly name: string;
  readonly isDropped: boolean;
  /** The files that there are now. */
  readonly copy: LocalCopy;
  /** Looks for them again. */
  load(): Promise<void>;
}

interface Write {
  readonly blocks: readonly CheckedBlock[];
  readonly header: ReturnType<typeof encodeHeader>;
  readonly growthBytes: number;
  readonly path: WritePath;
}

/** Stores blocks of an entry, whose files the first write makes, and frees parts of it; charges the catalog for what they take. */
export class EntryWriter {
  readonly #context: StoreContext;
  readonly #entry: WrittenEntry;
  /** How many writes are under way. */
  #writes = 0;

  constructor(context: StoreContext, entry: WrittenEntry) {
    this.#context = context;
    this.#entry = entry;
  }

  get isWriting(): boolean {
    return this.#writes > 0;
  }

  /** Stores blocks, in ascending order. Never rejects. */
  async write(given: readonly CheckedBlock[], path: WritePath): Promise<boolean> {
    const { warnings, isClosing } = this.#context;
    if (isClosing) return false;
    try {
      for (;;) {
        const writer = await currentWriter(this.#context);
        if (writer === undefined || this.#entry.isDropped) return false;
        const { writer: loadedBy, isUnreadable } = this.#entry.copy;
        if (loadedBy !== writer || isUnreadable) await this.#entry.load();
        const current = this.#entry.copy;
        if (current.isUnreadable || current.writer !== writer) return false;
        const blocks = given.filter(({ index }) => !current.table.has(index));
        if (blocks.length === 0 && current.start !== undefined) return true;
        const header = current.start === undefined ? this.#header() : undefined;
        if (current.start === undefined && header === undefined) return false;
        const growthBytes = this.#growthBytes(blocks, header?.bytes.length ?? 0);
        const room = writer.catalog.makeRoom(growthBytes, this.#entry.name);
        if (!(typeof room === 'boolean' ? room : await room)) return false;
        // Meanwhile others may have made the files, or removed them.
        const isSame =
          this.#entry.copy === current && (current.start === undefined) === (header !== undefined);
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
    const url = urlOfResource(this.#entry.key.resource);
    current.start ??= header;
    const { recordsAt = 0, seed = 0 } = current.start ?? {};
    if (header !== undefined) catalog.charge(this.#entry.name, growthBytes, growthBytes, url);
    for (const { index } of blocks) current.regions?.use(index, this.#now());
    const reservedBytes = header === undefined ? growthBytes : 0;
    let allocatedBytes: number | undefined;
    let failure: unknown;
    this.#writes += 1;
    try {
      const result = await thread.run('write', {
        name: this.#entry.name,
        create: header && { header: header.bytes, dataBytes: this.#entry.geometry.sizeBytes },
        blockBytes: this.#entry.geometry.blockBytes,
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
    const isSame = this.#entry.copy === current;
    if (isSame) {
      const chargedBytes =
        allocatedBytes === undefined
          ? catalog.bytesOf(this.#entry.name) + reservedBytes
          : chargeOf(allocatedBytes, this.#entry.geometry.blockBytes);
      catalog.charge(this.#entry.name, chargedBytes, reservedBytes, url);
    } else {
      catalog.space.usedBytes -= reservedBytes;
    }
    if (failure !== undefined) {
      warnings.warn('cannot store blocks', failure);
      if (isSame && header !== undefined) await catalog.remove(this.#entry.name);
      if (FULL.has(codeOf(failure))) catalog.space.noteFull();
      // Perhaps the directory itself was removed.
      if (codeOf(failure) === 'ENOENT') doubt(writer);
      return false;
    }
    if (!isSame) return false;
    for (const { index, checksum } of blocks) current.table.store(index, checksum);
    return true;
  }

  /** Resolves to what that freed; undefined: it cannot be done. Never rejects. */
  async evictRegion(region: number): Promise<number | undefined> {
    const { thread, writer, warnings } = this.#context;
    const { geometry, name } = this.#entry;
    const current = this.#entry.copy;
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
      if (this.#entry.copy !== current) return 0;
      const chargedBytes = chargeOf(allocatedBytes, geometry.blockBytes);
      writer.catalog.charge(name, chargedBytes, 0, urlOfResource(this.#entry.key.resource));
      return beforeBytes - writer.catalog.bytesOf(name);
    } catch (error) {
      warnings.warn('cannot evict a part of a large file', error);
      return (await writer.catalog.remove(name)) ? beforeBytes : undefined;
    }
  }

  #header(): ReturnType<typeof encodeHeader> {
    const { blockBytes } = this.#entry.geometry;
    return encodeHeader({ url: this.#entry.key.resource, facts: this.#entry.facts, blockBytes });
  }

  /** How many more bytes the files may take after this write. `headerBytes` 0: there are files. */
  #growthBytes(blocks: readonly CheckedBlock[], headerBytes: number): number {
    const dataBytes = blocks.reduce((sum, { bytes }) => sum + pagesOf(bytes.byteLength), 0);
    // Each run of records may begin a page, and end in another one.
    const indexBytes = Math.min(
      pagesOf(headerBytes) + blocks.length * pagesOf(1),
      pagesOf(headerBytes + this.#entry.geometry.blockCount * RECORD_BYTES),
    );
    return headerBytes === 0
      ? dataBytes + indexBytes
      : chargeOf(dataBytes + indexBytes, this.#entry.geometry.blockBytes);
  }

  #now(): number {
    return this.#context.writer?.catalog.now() ?? 0;
  }
}
