import { checksumOf } from '../../checksum.js';
import { BlockTable } from './block-table.js';
import type { CheckedBlock, WritePath } from './disk-cache.js';
import { codeOf } from '../../error-code.js';
import {
  applyRecords,
  type BlockRecord,
  type DecodedIndex,
  type EncodedHeader,
  encodeRecords,
  encodeIdentity,
  readHeader,
  RECORD_BYTES,
  recordsEnd,
  sameIdentity,
  type FileIdentity,
  IDENTITY_AT,
} from './index-file.js';
import { isHeaderOf } from './index-header.js';
import { blockLength, type Geometry, type Span, spanOf } from './layout.js';
import { type SeenData, SegmentFiles } from './segment-files.js';
import type { StoreContext, Writer } from './store-context.js';

/** Records are read in pieces of this size, so that a long index does not hold up the process. */
const INDEX_PIECE_BYTES = 4096 * RECORD_BYTES;
/** Of more, there may be a better way to write it. */
const MAX_WHOLE_BYTES = 256 * 1024;
/** Where an allocation cannot be smaller. */
const PAGE_BYTES = 4096;

export interface SegmentIdentity {
  readonly name: string;
  readonly url: string;
  readonly versionId: string;
  readonly geometry: Geometry;
  readonly segment: number;
}

/**
 * One data file and its index: the unit of eviction. Block indexes count from its start. What changes files
 * runs in the semaphore of changes, and rejects with the errors of the system.
 */
export class Segment {
  readonly name: string;
  readonly span: Span;
  readonly table: BlockTable;
  readonly files: SegmentFiles;
  /** The role in which it was loaded: only what the writer loaded does it append to. */
  readonly loadedBy: Writer | undefined;
  /** From the index; undefined: not known to be complete and right. */
  fileIdentity: FileIdentity | undefined;
  /** The data file, if it had that identity when it was loaded. */
  loadedData: SeenData | undefined;
  /** Removed from the store, or closed. */
  isDetached = false;
  #seed = 0;
  /** Where the next record goes; undefined: there are no files yet. */
  #recordsEnd: number | undefined;
  /** All of it was written at once, and nothing since. */
  #isWhole = false;
  /** What was found wrong is being forgotten on disk too: until then the files must stay open. */
  forgetting: Promise<void> | undefined;
  /** There may be something that could not be read: nothing is to be written in its place. */
  isUnreadable = false;
  /** Undefined: the table has them all. */
  #loadChecksums: (() => Promise<void>) | undefined;
  readonly #context: StoreContext;

  constructor(context: StoreContext, identity: SegmentIdentity) {
    this.#context = context;
    this.name = identity.name;
    this.span = spanOf(identity.geometry, identity.segment);
    this.table = new BlockTable(this.span);
    this.files = new SegmentFiles(context.descriptors, context.direct, context.root, identity.name);
    this.loadedBy = context.writer;
  }

  get exists(): boolean {
    return this.#recordsEnd !== undefined;
  }

  /** The length of the index that was loaded or written. */
  get indexBytes(): number {
    return this.#recordsEnd ?? 0;
  }

  /**
   * 'wrong': there is something that cannot be trusted. Rejects if the files cannot be read. A file that still has the recorded
   * identity is complete and right: its records are read when we read its blocks, so that a large file is opened as fast as a
   * small one.
   */
  async load(identity: SegmentIdentity): Promise<'stored' | 'nothing' | 'wrong'> {
    // All at once: each is several turns of the system's threads, which a reader waits for.
    const [decoded, indexBytes, data] = await Promise.all([
      unlessMissing(this.#loadHeader(identity)),
      unlessMissing(this.files.indexBytes()),
      unlessMissing(this.files.dataIdentity()),
    ]);
    if (indexBytes === undefined) return 'nothing';
    if (decoded === undefined || data === undefined) return 'wrong';
    this.#seed = decoded.seed;
    this.fileIdentity = decoded.fileIdentity;
    const { recordsAt } = decoded;
    if (decoded.fileIdentity === undefined || !sameIdentity(decoded.fileIdentity, data.fileIdentity)) {
      this.#recordsEnd = await this.#loadRecords(recordsAt, this.table);
      return 'stored';
    }
    this.loadedData = data;
    this.#recordsEnd = recordsEnd(recordsAt, indexBytes);
    this.table.storeAll();
    let loading: Promise<void> | undefined;
    this.#loadChecksums = () =>
      (loading ??= this.#loadRecordsLate(recordsAt).catch((error: unknown) => {
        loading = undefined;
        throw error;
      }));
    return 'stored';
  }

  async #loadHeader(identity: SegmentIdentity): Promise<DecodedIndex | undefined> {
    const decoded = await readHeader((bytes) => this.files.readIndex(0, bytes));
    return decoded !== undefined && isHeaderOf(decoded.header, identity) ? decoded : undefined;
  }

  /** Resolves to where the next record goes: a torn last one is overwritten by it. */
  async #loadRecords(recordsAt: number, table: BlockTable): Promise<number> {
    let at = recordsAt;
    let piece: Buffer;
    do {
      piece = await this.files.readIndex(at, INDEX_PIECE_BYTES);
      applyRecords(piece, this.#seed, table);
      at = recordsEnd(at, at + piece.length);
    } while (piece.length === INDEX_PIECE_BYTES);
    return at;
  }

  async #loadRecordsLate(recordsAt: number): Promise<void> {
    const loaded = new BlockTable(this.span);
    await this.#loadRecords(recordsAt, loaded);
    if (!this.isDetached) this.table.adoptChecksums(loaded);
  }

  /** One boolean per block: whether the target holds the right bytes. Never rejects. */
  async read(first: number, targets: readonly Uint8Array[]): Promise<boolean[]> {
    if (!this.exists) return targets.map(() => false);
    let bytes = 0;
    try {
      await this.#loadChecksums?.();
      const at = first * this.span.blockBytes;
      bytes = await this.#context.reads.run(() => this.files.readData(targets, at));
    } catch (error) {
      if (!this.isDetached) this.#context.warnings.warn('cannot read a stored block', error);
      for (const offset of targets.keys()) this.table.forget(first + offset);
      return targets.map(() => false);
    }
    const wrong: number[] = [];
    const right = targets.map((target, offset) => {
      const index = first + offset;
      const end = offset * this.span.blockBytes + target.byteLength;
      if (!this.table.has(index) || target.byteLength !== blockLength(this.span, index)) return false;
      if (end <= bytes && checksumOf(target) === this.table.checksum(index)) {
        this.table.markChecked(index);
        return true;
      }
      wrong.push(index);
      return false;
    });
    if (wrong.length > 0) this.#forget(wrong);
    return right;
  }

  /** How many more bytes the files may take after this write; the header is that of a new index. */
  growthBytes(blocks: readonly CheckedBlock[], headerBytes: number): number {
    const data = blocks.reduce((sum, { bytes }) => sum + roundUp(bytes.byteLength), 0);
    const indexEnd = (this.#recordsEnd ?? headerBytes) + blocks.length * RECORD_BYTES;
    return data + roundUp(indexEnd) - roundUp(this.#recordsEnd ?? 0);
  }

  async create(header: EncodedHeader): Promise<void> {
    await this.files.create(this.span.dataBytes, header.bytes);
    this.#seed = header.seed;
    this.#recordsEnd = header.bytes.length;
    this.#context.sync.add(this.name, true);
  }

  /** Whether these blocks are all that it has, and few. */
  isWhole(blocks: readonly CheckedBlock[]): boolean {
    const { blockCount, dataBytes } = this.span;
    return blockCount > 0 && blocks.length === blockCount && dataBytes <= MAX_WHOLE_BYTES;
  }

  /** `create`, and `write` of all blocks: each file is opened once, which is most of what a small one costs. */
  async createWhole({ bytes, seed }: EncodedHeader, blocks: readonly CheckedBlock[]): Promise<void> {
    const records = encodeRecords(blocks.map(recordOf), seed);
    await this.files.createWhole(
      blocks.map((block) => block.bytes),
      [bytes, records],
    );
    this.#seed = seed;
    this.#recordsEnd = bytes.length + records.length;
    this.#isWhole = true;
    this.#context.sync.add(this.name, true);
    this.#noteWritten(blocks);
  }

  #noteWritten(blocks: readonly CheckedBlock[]): void {
    if (this.isDetached) return;
    for (const { index, checksum } of blocks) {
      this.table.store(index, checksum);
      this.table.markChecked(index);
    }
  }

  /** Of a segment that exists; in ascending order. The index records them when all are written. */
  async write(blocks: readonly CheckedBlock[], path: WritePath): Promise<void> {
    for (const run of adjacent(blocks)) {
      const pieces = run.map(({ bytes }) => bytes);
      await this.files.writeData(pieces, (run[0]?.index ?? 0) * this.span.blockBytes, path);
    }
    await this.#append(blocks.map(recordOf));
    this.#isWhole = false;
    this.#context.sync.add(this.name);
    this.#noteWritten(blocks);
  }

  async writeIdentity(fileIdentity: FileIdentity | undefined): Promise<void> {
    await this.files.writeIndex(encodeIdentity(fileIdentity, this.#seed), IDENTITY_AT);
    this.#context.sync.add(this.name);
    this.fileIdentity = fileIdentity;
  }

  /** What the two files allocate. */
  async allocatedBytes(): Promise<number> {
    const dataBytes = this.#isWhole ? roundUp(this.span.dataBytes) : await this.files.allocatedDataBytes();
    return dataBytes + roundUp(this.indexBytes);
  }

  /** Nothing is read or written any more. Resolves when the descriptors are closed. */
  async detach(): Promise<void> {
    this.isDetached = true;
    this.fileIdentity = undefined;
    this.table.forgetAll();
    await this.files.retire();
  }

  #forget(wrong: readonly number[]): void {
    this.fileIdentity = undefined;
    for (const index of wrong) this.table.forget(index);
    this.#context.corruptBlocks += wrong.length;
    this.#context.warnings.warn('a stored block is wrong and is forgotten', undefined, {
      segment: this.name,
    });
    const forgetting = this.#context.changes.run(async () => {
      // Meanwhile some may have been written again.
      const records = wrong
        .filter((index) => !this.table.has(index))
        .map((index) => ({ index, length: 0, checksum: 0 }));
      if (this.isDetached || this.loadedBy === undefined || this.loadedBy !== this.#context.writer) return;
      try {
        await this.writeIdentity(undefined);
        await this.#append(records);
      } catch (error) {
        this.#context.warnings.warn('cannot forget a stored block', error);
      }
    });
    this.forgetting = forgetting;
    void forgetting.then(() => {
      if (this.forgetting === forgetting) this.forgetting = undefined;
    });
  }

  async #append(records: readonly BlockRecord[]): Promise<void> {
    if (this.#recordsEnd === undefined) throw new Error(`${this.name} was not created`);
    const bytes = encodeRecords(records, this.#seed);
    await this.files.writeIndex(bytes, this.#recordsEnd);
    this.#recordsEnd += bytes.length;
  }
}

function recordOf({ index, bytes, checksum }: CheckedBlock): BlockRecord {
  return { index, length: bytes.byteLength, checksum };
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

function roundUp(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** Runs of blocks that lie one behind the other. */
function adjacent(blocks: readonly CheckedBlock[]): CheckedBlock[][] {
  const runs: CheckedBlock[][] = [];
  let nextIndex: number | undefined;
  for (const block of blocks) {
    if (block.index === nextIndex) runs.at(-1)?.push(block);
    else runs.push([block]);
    nextIndex = block.index + 1;
  }
  return runs;
}
