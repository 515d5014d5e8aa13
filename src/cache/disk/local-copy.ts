/**
 * Decides when a data file can be handed out, to be read without us and so without checksums: every block is
 * there, and each was written by this process, or found right, or the file's identity and times are still
 * those that were recorded (the file identity) when that was so. A write to a file changes its ctime. Where the source
 * gives a digest of all bytes, the file has it, too.
 */
import type { ContentDigest } from '../../source/index.js';
import { ContentCheck } from '../content-check.js';
import { sameIdentity } from './index-file.js';
import { blockLength } from './layout.js';
import type { Segment } from './segment.js';
import type { SeenData } from './segment-files.js';
import type { StoreContext } from './store-context.js';
import { warmCopy } from './warm-copy.js';

/** Smaller files are not worth an fsync: reading them again is as fast. */
const MIN_IDENTITY_BYTES = 1024 * 1024;
const CHECK_RUN_BYTES = 1024 * 1024;

/** The state of the file in which all blocks were right. */
interface Verified extends SeenData {
  /** Of the segment's table. */
  readonly forgetCount: number;
}

/** Who has the segment open. */
export interface SegmentOwner {
  /** False: only what has retained it uses it. */
  isWanted(): boolean;
  /** Of the version. */
  readonly facts: { readonly digest?: ContentDigest };
  /** The file has this digest instead. */
  onCorrupt(found: string): void;
  /** Keeps it open as long as the work goes on. */
  whileRetained(work: () => Promise<void>): Promise<void>;
}

export class LocalCopy {
  readonly #context: StoreContext;
  readonly #segment: Segment;
  readonly #owner: SegmentOwner;
  #verified: Verified | undefined;
  #verifying: Promise<void> | undefined;
  #isChecking = false;

  constructor(context: StoreContext, segment: Segment, owner: SegmentOwner) {
    this.#context = context;
    this.#segment = segment;
    this.#owner = owner;
    const { loadedData, table } = segment;
    if (loadedData !== undefined) this.#verified = { ...loadedData, forgetCount: table.forgetCount };
  }

  /** The descriptor, if the file is known to be right; else that is looked into. */
  acquire(): number | undefined {
    const fd = this.isVerified() ? this.#segment.files.acquire() : undefined;
    if (fd === undefined && this.#segment.table.isComplete) void this.verify();
    return fd;
  }

  release(): void {
    this.#segment.files.release();
  }

  isVerified(): boolean {
    const { isDetached, table, files } = this.#segment;
    if (isDetached || !table.isComplete || this.#verified === undefined) return false;
    return (
      this.#verified.forgetCount === table.forgetCount && this.#verified.openings === files.data.openings
    );
  }

  /** Finds out whether the file is right; of a large one whose identity does not show it, in the background. */
  verify(): Promise<void> {
    return (this.#verifying ??= this.#whileRetained(() => this.#verify()).finally(() => {
      this.#verifying = undefined;
    }));
  }

  async #verify(): Promise<void> {
    const { table, files, span, fileIdentity, isDetached, exists } = this.#segment;
    if (!table.isComplete || !exists || isDetached) return;
    const { forgetCount } = table;
    const now = await files.dataIdentity();
    // Blocks end where the resource does, but a reader of the file itself reads to its end.
    if (now.fileIdentity.size !== BigInt(span.dataBytes)) {
      this.#verified = undefined;
      return;
    }
    const known = this.#verified?.fileIdentity ?? fileIdentity;
    const isSound = this.#verified === undefined || this.#verified.forgetCount === forgetCount;
    if (known !== undefined && isSound && sameIdentity(known, now.fileIdentity)) {
      this.#verified = { ...now, forgetCount };
      return;
    }
    this.#verified = undefined;
    this.#segment.fileIdentity = undefined;
    if (known !== undefined) table.uncheckAll();
    if (table.isChecked && this.#owner.facts.digest === undefined) this.#accept({ ...now, forgetCount });
    else if (span.dataBytes <= MIN_IDENTITY_BYTES) await this.#check();
    else this.#checkInBackground();
  }

  #checkInBackground(): void {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const check = (): Promise<void> => this.#context.checks.run(() => this.#check());
    void this.#whileRetained(check).finally(() => {
      this.#isChecking = false;
    });
  }

  /** Reads all blocks that are not known to be right, for the digest the others, too; what is wrong is forgotten. */
  async #check(): Promise<void> {
    await this.#segment.files.whileOpen(async () => {
      const { table, span, files } = this.#segment;
      const { forgetCount } = table;
      const { digest } = this.#owner.facts;
      const check = digest && (await ContentCheck.of(digest));
      const before = await files.dataIdentity();
      const run = Math.max(1, Math.floor(CHECK_RUN_BYTES / span.blockBytes));
      const bytes = new Uint8Array(Math.min(run * span.blockBytes, span.dataBytes));
      let isRead = true;
      for (let first = 0; first < span.blockCount; first += run) {
        if (this.#segment.isDetached || this.#context.isClosing) return;
        // The digest is compared once, at best right after the download.
        if (check === undefined && !this.#owner.isWanted()) return;
        const count = Math.min(run, span.blockCount - first);
        isRead = (await this.#checkRun(first, count, bytes, check)) && isRead;
      }
      const after = await files.dataIdentity();
      if (!sameIdentity(after.fileIdentity, before.fileIdentity)) table.uncheckAll();
      else if (isRead && table.isChecked && after.fileIdentity.size === BigInt(span.dataBytes)) {
        const found = check?.mismatch();
        if (found === undefined) this.#accept({ ...after, forgetCount });
        else this.#owner.onCorrupt(found);
      }
    });
    // Not while the file is in use: a change that removes it waits for that, and this one for the change.
    const { forgetting } = this.#segment;
    if (forgetting !== undefined) void this.#whileRetained(() => forgetting);
  }

  async #checkRun(
    first: number,
    count: number,
    bytes: Uint8Array,
    check: ContentCheck | undefined,
  ): Promise<boolean> {
    const { table, span } = this.#segment;
    const offsets = Array.from({ length: count }, (_, offset) => offset);
    const isChecked = offsets.every((offset) => table.isBlockChecked(first + offset));
    if (isChecked && check === undefined) return true;
    const targets = offsets.map((offset) => {
      const at = offset * span.blockBytes;
      return bytes.subarray(at, at + blockLength(span, first + offset));
    });
    const right = await this.#segment.read(first, targets);
    for (const [offset, isRight] of right.entries()) if (isRight) table.markChecked(first + offset);
    for (const target of targets) check?.update(target);
    return right.every(Boolean);
  }

  #accept(verified: Verified): void {
    this.#verified = verified;
    const { span, loadedBy } = this.#segment;
    if (span.dataBytes <= MIN_IDENTITY_BYTES || loadedBy === undefined) return;
    const settle = async (): Promise<void> => {
      await this.#writeIdentity(verified);
      await warmCopy(this.#context, this.#segment);
    };
    void this.#whileRetained(() => this.#context.checks.run(settle));
  }

  /** The data is durable before the index says that it is right. */
  async #writeIdentity(verified: Verified): Promise<void> {
    const { files, table, loadedBy } = this.#segment;
    await files.syncData();
    if (!sameIdentity((await files.dataIdentity()).fileIdentity, verified.fileIdentity)) return;
    await this.#context.changes.run(async () => {
      if (loadedBy !== this.#context.writer || this.#segment.isDetached) return;
      if (verified.forgetCount === table.forgetCount)
        await this.#segment.writeIdentity(verified.fileIdentity);
    });
  }

  /** Never rejects. */
  async #whileRetained(work: () => Promise<void>): Promise<void> {
    try {
      await this.#owner.whileRetained(work);
    } catch (error) {
      if (!this.#segment.isDetached) this.#context.warnings.warn('cannot check a stored file', error);
    }
  }
}
