import { constants } from 'node:fs';
import { lstat, lutimes, mkdir, unlink } from 'node:fs/promises';

import { type Descriptors, OpenFile } from './descriptors.js';
import { DIRECT_FLAGS, type DirectWrites } from './direct-writes.js';
import { codeOf } from '../../error-code.js';
import {
  fstat,
  fsync,
  ftruncate,
  futimes,
  isOwnDirectory,
  isOwnFile,
  readAt,
  STAT_BLOCK_BYTES,
  writeAt,
  writeNew,
} from './file-io.js';
import type { WritePath } from './disk-cache.js';
import type { FileIdentity } from './index-file.js';
import { filePath, shardPath } from './layout.js';

const { O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_EXCL } = constants;

/** The data file as it was found. */
export interface SeenData {
  readonly fileIdentity: FileIdentity;
  /** Which of the openings of `data` it is that was looked at: opened again, the path may lead to another file. */
  readonly openings: number;
}

/** The two files of one segment. Rejects with the errors of the system. */
export class SegmentFiles {
  readonly #descriptors: Descriptors;
  readonly #direct: DirectWrites;
  readonly #root: string;
  readonly #name: string;
  /** Read-only, so that it can be handed out. */
  readonly data: OpenFile;
  readonly #writableData: OpenFile;
  readonly #directData: OpenFile;
  /** Some of the data was written past the page cache. */
  isWrittenDirectly = false;
  readonly #index: OpenFile;
  readonly #writableIndex: OpenFile;

  constructor(descriptors: Descriptors, direct: DirectWrites, root: string, name: string) {
    const [data, index] = [filePath(root, name, 'data'), filePath(root, name, 'index')];
    this.#descriptors = descriptors;
    this.#direct = direct;
    this.#root = root;
    this.#name = name;
    this.data = new OpenFile(data, O_RDONLY);
    this.#writableData = new OpenFile(data, O_WRONLY);
    this.#directData = new OpenFile(data, DIRECT_FLAGS);
    this.#index = new OpenFile(index, O_RDONLY);
    this.#writableIndex = new OpenFile(index, O_RDWR);
  }

  /** The data file is there first: an index without data is useless. */
  async create(dataBytes: number, header: Buffer): Promise<void> {
    await this.#makeShard();
    const fresh = (path: string): OpenFile => new OpenFile(path, O_WRONLY | O_CREAT | O_EXCL);
    const data = fresh(this.data.path);
    const index = fresh(this.#index.path);
    try {
      // The full length from the start: no file system then allocates ahead of the writes.
      await this.#descriptors.use(data, (fd) => ftruncate(fd, dataBytes));
      await this.#descriptors.use(index, (fd) => writeAt(fd, [header], 0));
    } finally {
      await Promise.all([data, index].map((file) => this.#descriptors.retire(file)));
    }
  }

  /** Both files with all that belongs into them, closed again. */
  async createWhole(pieces: readonly Uint8Array[], index: readonly Buffer[]): Promise<void> {
    try {
      await this.#writeWhole(pieces, index);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      await this.#makeShard();
      await this.#writeWhole(pieces, index);
    }
  }

  /** In any order: one without the other is no segment. */
  async #writeWhole(pieces: readonly Uint8Array[], index: readonly Buffer[]): Promise<void> {
    const written = await Promise.allSettled([
      writeNew(this.data.path, pieces),
      writeNew(this.#index.path, index),
    ]);
    const failed = written.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  async #makeShard(): Promise<void> {
    try {
      await mkdir(shardPath(this.#root, this.#name), { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }

  /** Resolves to the bytes read. */
  readData(targets: readonly Uint8Array[], position: number): Promise<number> {
    return this.#descriptors.use(this.data, (fd) => readAt(fd, targets, position));
  }

  async writeData(pieces: readonly Uint8Array[], position: number, path: WritePath): Promise<void> {
    const written = path === 'direct' ? await this.#direct.write(this.#directData, pieces, position) : 0;
    if (written > 0) this.isWrittenDirectly = true;
    if (written === pieces.length) return;
    const at = pieces.slice(0, written).reduce((end, { byteLength }) => end + byteLength, position);
    await this.#descriptors.use(this.#writableData, (fd) => writeAt(fd, pieces.slice(written), at));
  }

  async readIndex(position: number, bytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes);
    return buffer.subarray(
      0,
      await this.#descriptors.use(this.#index, (fd) => readAt(fd, [buffer], position)),
    );
  }

  async indexBytes(): Promise<number> {
    return Number((await this.#descriptors.use(this.#index, fstat)).size);
  }

  writeIndex(bytes: Buffer, position: number): Promise<void> {
    return this.#descriptors.use(this.#writableIndex, (fd) => writeAt(fd, [bytes], position));
  }

  /** Sets when the segment was used last, which the index file's mtime records. */
  touch(usedAtMs: number): Promise<void> {
    return this.#descriptors.use(this.#writableIndex, (fd) => futimes(fd, usedAtMs / 1000, usedAtMs / 1000));
  }

  dataIdentity(): Promise<SeenData> {
    return this.#descriptors.use(this.data, async (fd) => {
      const { dev, ino, size, mtimeNs, ctimeNs } = await fstat(fd);
      return { fileIdentity: { dev, ino, size, mtimeNs, ctimeNs }, openings: this.data.openings };
    });
  }

  /** The data file stays the one that is open now, whatever becomes of its path. */
  whileOpen(work: () => Promise<void>): Promise<void> {
    return this.#descriptors.use(this.data, work);
  }

  syncData(): Promise<void> {
    return this.#descriptors.use(this.data, fsync);
  }

  async allocatedDataBytes(): Promise<number> {
    const { blocks } = await this.#descriptors.use(this.#writableData, fstat);
    return Number(blocks) * STAT_BLOCK_BYTES;
  }

  acquire(): number | undefined {
    return this.#descriptors.acquire(this.data);
  }

  release(): void {
    this.#descriptors.release(this.data);
  }

  /** Resolves when all are closed, which may wait for a holder of the descriptor. */
  async retire(): Promise<void> {
    const files = [this.data, this.#writableData, this.#directData, this.#index, this.#writableIndex];
    await Promise.all(files.map((file) => this.#descriptors.retire(file)));
  }
}

/** Index first: data without an index is an orphan, which the next start removes. What is not ours stays. */
export async function unlinkSegment(root: string, name: string): Promise<void> {
  if (!(await isOwnShard(root, name))) return;
  for (const kind of ['index', 'data'] as const) {
    const path = filePath(root, name, kind);
    try {
      if (isOwnFile(await lstat(path))) await unlink(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** As `SegmentFiles.touch`, of one that is not open. */
export async function touchSegment(root: string, name: string, usedAtMs: number): Promise<void> {
  try {
    await lutimes(filePath(root, name, 'index'), usedAtMs / 1000, usedAtMs / 1000);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function isOwnShard(root: string, name: string): Promise<boolean> {
  try {
    return isOwnDirectory(await lstat(shardPath(root, name)));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return false;
  }
}
