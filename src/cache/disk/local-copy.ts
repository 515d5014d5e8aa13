/**
 * The files of an entry, and when the data file can be handed out, to be read without us and so without checksums: every block is
 * there, and each was written by this process, or found right, or the file's identity is still that which was recorded when that was
 * so. Where the source gives a digest of all bytes, the file has it, too.
 */
import { freemem } from 'node:os';

import { codeOf } from '../../error-code.js';
import type { ContentDigest } from '../../source/index.js';
import { BlockTable } from './block-table.js';
import type { DataFile } from './data-file.js';
import { fsync } from './file-io.js';
import type { Geometry } from './geometry.js';
import type { FileState, IndexStart } from './index-file.js';
import { Regions } from './regions.js';
import type { StoreContext, Writer } from './store-context.js';

/** Smaller files are not worth an fsync: reading them again is as fast. */
const MIN_IDENTITY_BYTES = 1024 * 1024;
/** What takes more of the memory that is available is left on the disk. */
const WARM_SHARE = 1 / 4;

/** Whose file it is. */
export interface CopyOwner {
  readonly geometry: Geometry;
  readonly facts: { readonly digest?: ContentDigest };
  /** 0: only what has retained it uses it. */
  readonly handles: number;
  /** The file has this digest instead. */
  onCorrupt(found: string): void;
  forget(copy: LocalCopy, wrong: readonly number[]): void;
  writeIdentity(identity: string): Promise<void>;
  /** Keeps it open as long as the work goes on. */
  whileRetained(work: () => Promise<void>): Promise<void>;
}

export interface CopyFiles {
  readonly file: DataFile;
  /** What is stored. Default: nothing. */
  readonly table?: BlockTable;
  /** Undefined: there are no files yet. */
  readonly start?: IndexStart;
  /** In the role of which it was looked for: another process may have written since. */
  readonly writer: Writer | undefined;
  /** There may be something that could not be read: nothing is to be written in its place. */
  readonly isUnreadable?: boolean;
}

/** Files that take the place of removed ones are another copy. */
export class LocalCopy {
  readonly table: BlockTable;
  readonly file: DataFile;
  readonly writer: Writer | undefined;
  readonly isUnreadable: boolean;
  /** Set when the files are made. */
  start: IndexStart | undefined;
  /** Of a version larger than the limit. */
  readonly regions: Regions | undefined;
  readonly #context: StoreContext;
  readonly #owner: CopyOwner;
  /** The state of the file in which all blocks were right; of the table then, too. */
  #right: { readonly identity: string; readonly forgetCount: number } | undefined;
  /** The opening of the file in which it was in that state. */
  #opening = 0;
  #verifying: Promise<void> | undefined;
  #isChecking = false;
  #isRetired = false;
  /** 1: the other thread is to stop. */
  #cancelled = new Int32Array(new SharedArrayBuffer(4));

  constructor(context: StoreContext, owner: CopyOwner, files: CopyFiles) {
    const { geometry } = owner;
    this.#context = context;
    this.#owner = owner;
    this.table = files.table ?? new BlockTable(geometry, true);
    this.file = files.file;
    this.writer = files.writer;
    this.isUnreadable = files.isUnreadable === true;
    this.start = files.start;
    this.regions = geometry.regionBlocks === undefined ? undefined : new Regions(geometry.regionBlocks);
  }

  /** It is no longer part of the store. Resolves when the file is closed: as soon as nothing uses it. */
  retire(): Promise<void> {
    this.discard();
    return this.file.retire();
  }

  /** It is not handed out any more. */
  discard(): void {
    this.#isRetired = true;
    this.cancel();
  }

  /** Nothing is read any more to find out whether it is right. */
  cancel(): void {
    Atomics.store(this.#cancelled, 0, 1);
    this.#cancelled = new Int32Array(new SharedArrayBuffer(4));
  }

  /** The identity that the index has, and the file now. Resolves when it is known whether a small one is right. */
  async loaded(identity: string | undefined, now: FileState): Promise<void> {
    if (identity !== undefined) this.#right = { identity, forgetCount: this.table.forgetCount };
    if (identity === now.identity && this.#isWhole(now)) this.#opening = this.file.openings;
    else await this.verify();
  }

  /** Another holder of the descriptor, if the file is known to be right; else that is looked into. */
  acquire(): DataFile | undefined {
    if (this.isVerified() && this.file.acquire()) return this.file;
    void this.verify();
    return undefined;
  }

  isVerified(): boolean {
    const isRight = this.#right?.forgetCount === this.table.forgetCount;
    return isRight && this.#opening === this.file.openings && !this.#isRetired;
  }

  /** Finds out whether the file is right; of a large one whose identity does not show it, in the background. */
  async verify(): Promise<void> {
    if (!this.table.isComplete || this.#isRetired) return;
    await (this.#verifying ??= this.#whileRetained(() => this.#verify()).finally(() => {
      this.#verifying = undefined;
    }));
  }

  async #verify(): Promise<void> {
    const { geometry, facts } = this.#owner;
    const table = this.table;
    const { forgetCount } = table;
    const now = await this.#state();
    const right = this.#right;
    if (this.#isWhole(now) && right?.identity === now.identity && right.forgetCount === forgetCount) {
      this.#opening = this.file.openings;
      return;
    }
    this.#right = undefined;
    // Another process wrote to the file.
    if (right !== undefined) table.isSound = false;
    if (!this.#isWhole(now)) return;
    if (table.isSound && facts.digest === undefined) this.#accept(now, forgetCount);
    else if (geometry.sizeBytes <= MIN_IDENTITY_BYTES) await this.#check();
    else if (!this.#isChecking) {
      this.#isChecking = true;
      void this.#whileRetained(() => this.#context.checks.run(() => this.#check())).finally(() => {
        this.#isChecking = false;
      });
    }
  }

  async #check(): Promise<void> {
    const { thread, isClosing } = this.#context;
    const { geometry, facts, handles } = this.#owner;
    const table = this.table;
    if (isClosing || this.#isRetired || (facts.digest === undefined && handles === 0)) return;
    const { forgetCount } = table;
    await this.file.use(async (fd) => {
      const before = await this.#state();
      const { isFinished, wrong, found } = await thread.run('check', {
        fd,
        sizeBytes: geometry.sizeBytes,
        blockBytes: geometry.blockBytes,
        checksums: table.checksums,
        digest: facts.digest,
        cancelled: this.#cancelled,
      });
      const now = await this.#state();
      // What was forgotten meanwhile may have been written again.
      if (!isFinished || this.#isRetired || table.forgetCount !== forgetCount) return;
      if (wrong.length > 0) return this.#owner.forget(this, wrong);
      if (!this.#isWhole(now) || now.identity !== before.identity) return;
      table.isSound = true;
      if (found === undefined) this.#accept(now, forgetCount);
      else this.#owner.onCorrupt(found);
    });
  }

  #accept({ identity }: FileState, forgetCount: number): void {
    this.#right = { identity, forgetCount };
    this.#opening = this.file.openings;
    if (this.#owner.geometry.sizeBytes <= MIN_IDENTITY_BYTES || this.#context.writer === undefined) return;
    void this.#whileRetained(() => this.#context.checks.run(() => this.#record(identity, forgetCount)));
  }

  /** The data is durable before the index says that it is right. */
  async #record(identity: string, forgetCount: number): Promise<void> {
    const { sizeBytes } = this.#owner.geometry;
    await this.file.use(async (fd) => {
      await fsync(fd);
      const isSame = (await this.#state()).identity === identity && !this.#isRetired;
      if (!isSame || forgetCount !== this.table.forgetCount) return;
      await this.#owner.writeIdentity(identity);
      if (this.#context.isClosing || sizeBytes > freemem() * WARM_SHARE) return;
      await this.#context.thread.run('warm', { fd, sizeBytes, cancelled: this.#cancelled });
    });
  }

  #state(): Promise<FileState> {
    return this.#context.reads.run(() => this.file.state());
  }

  /** Blocks end where the resource does, but a reader of the file itself reads to its end. */
  #isWhole({ sizeBytes }: FileState): boolean {
    return sizeBytes === this.#owner.geometry.sizeBytes;
  }

  /** Never rejects. */
  async #whileRetained(work: () => Promise<void>): Promise<void> {
    try {
      await this.#owner.whileRetained(work);
    } catch (error) {
      // It was evicted meanwhile.
      if (this.#isRetired || codeOf(error) === 'ENOENT') return;
      this.#context.warnings.warn('cannot check a stored file', error);
    }
  }
}
