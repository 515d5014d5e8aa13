/**
 * Decides when a data file can be handed out, to be read without us and so without checksums: every block is there, and each was
 * written by this process, or found right, or the file's identity and times are still those that were recorded (the file identity)
 * when that was so. A write to a file changes its ctime. Where the source gives a digest of all bytes, the file has it, too.
 */
import { freemem } from 'node:os';

import { codeOf } from '../../error-code.js';
import type { ContentDigest } from '../../source/index.js';
import type { BlockTable } from './block-table.js';
import type { OpenFile } from './descriptors.js';
import { fsync } from './file-io.js';
import type { Geometry } from './geometry.js';
import { type FileIdentity, sameIdentity } from './index-file.js';
import type { StoreContext } from './store-context.js';

/** Smaller files are not worth an fsync: reading them again is as fast. */
const MIN_IDENTITY_BYTES = 1024 * 1024;
/** What takes more of the memory that is available is left on the disk. */
const WARM_SHARE = 1 / 4;

/** The state of the file in which all blocks were right. */
interface Verified {
  readonly identity: FileIdentity;
  /** Of the file and the table then: opened again, the path may lead to another file. */
  readonly openings: number;
  readonly forgetCount: number;
}

/** Whose file it is. */
export interface CopyOwner {
  readonly geometry: Geometry;
  readonly facts: { readonly digest?: ContentDigest };
  /** 0: only what has retained it uses it. */
  readonly handles: number;
  /** The file has this digest instead. */
  onCorrupt(found: string): void;
  forget(table: BlockTable, wrong: readonly number[]): void;
  writeIdentity(identity: FileIdentity): Promise<void>;
  /** Keeps it open as long as the work goes on. */
  whileRetained(work: () => Promise<void>): Promise<void>;
}

export class LocalCopy {
  readonly #context: StoreContext;
  readonly #owner: CopyOwner;
  readonly #table: BlockTable;
  readonly #file: OpenFile;
  /** By the index. */
  #recorded: FileIdentity | undefined;
  #verified: Verified | undefined;
  #verifying: Promise<void> | undefined;
  #isChecking = false;
  /** Of what was written all is in the page cache. */
  isWarm = true;
  #isRetired = false;
  /** 1: the other thread is to stop. */
  #cancelled = new Int32Array(new SharedArrayBuffer(4));

  constructor(context: StoreContext, owner: CopyOwner, table: BlockTable, file: OpenFile) {
    this.#context = context;
    this.#owner = owner;
    this.#table = table;
    this.#file = file;
  }

  /** The file is no longer part of the store. */
  retire(): void {
    this.#isRetired = true;
    this.cancel();
  }

  /** Nothing is read any more to find out whether it is right. */
  cancel(): void {
    Atomics.store(this.#cancelled, 0, 1);
    this.#cancelled = new Int32Array(new SharedArrayBuffer(4));
  }

  /** What the index has of the file, and what the file is now. Resolves when it is known whether a small one is right. */
  async loaded(recorded: FileIdentity | undefined, now: FileIdentity): Promise<void> {
    this.#recorded = recorded;
    const isRight = recorded !== undefined && sameIdentity(recorded, now) && this.#isWhole(now);
    if (isRight) this.#verified = this.#stateOf(now);
    else await this.verify();
  }

  /** The descriptor, if the file is known to be right; else that is looked into. */
  acquire(): number | undefined {
    const fd = this.isVerified() ? this.#context.descriptors.acquire(this.#file) : undefined;
    if (fd === undefined && this.#table.isComplete) void this.verify();
    return fd;
  }

  release(): void {
    this.#context.descriptors.release(this.#file);
  }

  isVerified(): boolean {
    if (this.#isRetired || this.#verified === undefined) return false;
    const { forgetCount, openings } = this.#verified;
    return forgetCount === this.#table.forgetCount && openings === this.#file.openings;
  }

  /** Finds out whether the file is right; of a large one whose identity does not show it, in the background. */
  verify(): Promise<void> {
    return (this.#verifying ??= this.#whileRetained(() => this.#verify()).finally(() => {
      this.#verifying = undefined;
    }));
  }

  async #verify(): Promise<void> {
    const { sizeBytes } = this.#owner.geometry;
    if (!this.#table.isComplete || this.#isRetired) return;
    const { forgetCount } = this.#table;
    const now = await this.#identity();
    const known = this.#verified?.identity ?? this.#recorded;
    const isSound = this.#verified === undefined || this.#verified.forgetCount === forgetCount;
    this.#verified = undefined;
    if (!this.#isWhole(now)) return;
    if (known !== undefined && isSound && sameIdentity(known, now)) {
      this.#verified = this.#stateOf(now, forgetCount);
      return;
    }
    this.#recorded = undefined;
    if (known !== undefined) this.#table.uncheckAll();
    if (this.#table.isChecked && this.#owner.facts.digest === undefined) this.#accept(now, forgetCount);
    else if (sizeBytes <= MIN_IDENTITY_BYTES) await this.#check();
    else this.#checkInBackground();
  }

  #checkInBackground(): void {
    if (this.#isChecking) return;
    this.#isChecking = true;
    void this.#whileRetained(() => this.#context.checks.run(() => this.#check())).finally(() => {
      this.#isChecking = false;
    });
  }

  async #check(): Promise<void> {
    const { thread, descriptors, isClosing } = this.#context;
    const { geometry, facts } = this.#owner;
    const table = this.#table;
    if (isClosing || this.#isRetired || (facts.digest === undefined && this.#owner.handles === 0)) return;
    const { forgetCount } = table;
    await descriptors.use(this.#file, async (fd) => {
      const before = await this.#identity();
      const { isFinished, wrong, found } = await thread.run('check', {
        fd,
        sizeBytes: geometry.sizeBytes,
        blockBytes: geometry.blockBytes,
        checksums: table.checksums,
        isChecked: Uint8Array.from({ length: geometry.blockCount }, (_, i) =>
          table.isBlockChecked(i) ? 1 : 0,
        ),
        digest: facts.digest,
        cancelled: this.#cancelled,
      });
      const now = await this.#identity();
      // What was forgotten meanwhile may have been written again.
      if (!isFinished || this.#isRetired || table.forgetCount !== forgetCount) return;
      if (wrong.length > 0) return this.#owner.forget(table, wrong);
      if (!this.#isWhole(now)) return;
      if (!sameIdentity(now, before)) return table.uncheckAll();
      for (let index = 0; index < geometry.blockCount; index += 1) table.markChecked(index);
      if (found === undefined) this.#accept(now, forgetCount);
      else this.#owner.onCorrupt(found);
    });
  }

  #accept(identity: FileIdentity, forgetCount: number): void {
    this.#verified = this.#stateOf(identity, forgetCount);
    if (this.#owner.geometry.sizeBytes <= MIN_IDENTITY_BYTES || this.#context.writer === undefined) return;
    void this.#whileRetained(() => this.#context.checks.run(() => this.#record(identity, forgetCount)));
  }

  /** The data is durable before the index says that it is right. */
  async #record(identity: FileIdentity, forgetCount: number): Promise<void> {
    const { thread, descriptors } = this.#context;
    const { sizeBytes } = this.#owner.geometry;
    await descriptors.use(this.#file, async (fd) => {
      await fsync(fd);
      const isSame = sameIdentity(await this.#identity(), identity) && !this.#isRetired;
      if (!isSame || forgetCount !== this.#table.forgetCount) return;
      await this.#owner.writeIdentity(identity);
      if (this.isWarm || this.#context.isClosing || sizeBytes > freemem() * WARM_SHARE) return;
      this.isWarm = true;
      await thread.run('warm', { fd, sizeBytes, cancelled: this.#cancelled });
    });
  }

  #identity(): Promise<FileIdentity> {
    const { reads, descriptors } = this.#context;
    return reads.run(() => descriptors.identityOf(this.#file));
  }

  /** Blocks end where the resource does, but a reader of the file itself reads to its end. */
  #isWhole({ size }: FileIdentity): boolean {
    return size === BigInt(this.#owner.geometry.sizeBytes);
  }

  #stateOf(identity: FileIdentity, forgetCount = this.#table.forgetCount): Verified {
    return { identity, forgetCount, openings: this.#file.openings };
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
