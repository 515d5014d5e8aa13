import type { CheckedBlock, StoredVersion, WritePath } from './disk-cache.js';
import type { LocalCopy } from './local-copy.js';
import type { OpenVersion } from './open-version.js';
import type { Segment } from './segment.js';
import { refreshVersion } from './segment-loading.js';
import { storeBlocks } from './store-blocks.js';
import type { StoreContext } from './store-context.js';

/** How often a process that only reads looks for what the writer has added. */
const REFRESH_EVERY_MS = 1_000;

/** A run of blocks in one segment. */
interface Part {
  readonly segment: number;
  /** Counted from the start of the version. */
  readonly first: number;
  /** Where the run begins in the list of the caller. */
  readonly from: number;
  readonly to: number;
}

/** One opening of a version, with the descriptor that it was handed. Block indexes count from the start of the version. */
export class VersionHandle implements StoredVersion {
  readonly #context: StoreContext;
  readonly #version: OpenVersion;
  #held: { readonly local: LocalCopy; readonly fd: number } | undefined;
  #isClosed = false;

  /** The version is retained for it. */
  constructor(context: StoreContext, version: OpenVersion) {
    this.#context = context;
    this.#version = version;
    version.handles += 1;
  }

  has(index: number): boolean {
    const version = this.#version;
    if (this.#isClosed || version.isDropped) return false;
    const segment = version.segments.get(Math.floor(index / version.geometry.segmentBlocks));
    if (segment?.table.has(index - segment.span.firstBlock) === true) return true;
    if (this.#context.writer === undefined) this.#refresh();
    return false;
  }

  get storedBytes(): number {
    return this.#isClosed ? 0 : this.#version.storedBytes;
  }

  noteUse(): void {
    if (this.#isClosed || this.#context.isClosing) return;
    for (const segment of this.#version.segments.values()) this.#noteUse(segment);
  }

  #noteUse(segment: Segment): void {
    const usedAtMs = this.#context.writer?.catalog.use(segment.name);
    if (usedAtMs !== undefined) void this.#touch(segment, usedAtMs);
  }

  async read(first: number, targets: readonly Uint8Array[]): Promise<readonly boolean[]> {
    const all = targets.map(() => false);
    if (this.#isClosed) return all;
    await this.#version.whileRetained(async () => {
      const parts = this.#parts(first, targets.length);
      const read = parts.map((part) => this.#readPart(part, targets.slice(part.from, part.to)));
      for (const [i, right] of (await Promise.all(read)).entries()) {
        all.splice(parts[i]?.from ?? 0, right.length, ...right);
      }
    });
    return all;
  }

  async #readPart(part: Part, targets: readonly Uint8Array[]): Promise<boolean[]> {
    const segment = this.#version.segments.get(part.segment);
    if (segment === undefined || this.#context.isClosing) return targets.map(() => false);
    this.#noteUse(segment);
    const right = await segment.read(part.first - segment.span.firstBlock, targets);
    const { forgetting } = segment;
    if (forgetting !== undefined) void this.#version.whileRetained(() => forgetting);
    return right;
  }

  async write(blocks: readonly CheckedBlock[], path: WritePath = 'cached'): Promise<boolean> {
    if (this.#isClosed || !blocks.every((block) => this.#isWhole(block))) return false;
    return await this.#version.whileRetained(async () => {
      const stored = await Promise.all(
        bySegment(blocks, this.#version.geometry.segmentBlocks).map(([segment, part]) =>
          storeBlocks(this.#context, this.#version, segment, part, path),
        ),
      );
      const { local, geometry } = this.#version;
      // Of one block, when the copy is needed.
      if (geometry.blockCount > 1 && local?.isVerified() === false) void local.verify();
      return stored.every(Boolean);
    });
  }

  #isWhole({ index, bytes }: CheckedBlock): boolean {
    const { blockBytes, sizeBytes } = this.#version.geometry;
    return bytes.byteLength === Math.min(blockBytes, sizeBytes - index * blockBytes);
  }

  localFd(): number | undefined {
    const { local } = this.#version;
    if (this.#isClosed || local === undefined) return undefined;
    if (this.#held !== undefined) {
      return this.#held.local === local && local.isVerified() ? this.#held.fd : undefined;
    }
    const fd = local.acquire();
    if (fd !== undefined) this.#held = { local, fd };
    return fd;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#held?.local.release();
    this.#version.handles -= 1;
    this.#version.release();
  }

  #refresh(): void {
    const now = performance.now();
    if (now - this.#version.refreshedAtMs < REFRESH_EVERY_MS || this.#context.isClosing) return;
    this.#version.refreshedAtMs = now;
    void this.#version.whileRetained(() => refreshVersion(this.#context, this.#version));
  }

  /** So that the order of use outlives the process. */
  async #touch(segment: Segment, usedAtMs: number): Promise<void> {
    try {
      await this.#version.whileRetained(() => this.#context.changes.run(() => segment.files.touch(usedAtMs)));
    } catch (error) {
      if (!segment.isDetached) this.#context.warnings.warn('cannot note the use of a stored segment', error);
    }
  }

  #parts(first: number, count: number): Part[] {
    const { segmentBlocks, blockCount } = this.#version.geometry;
    const parts: Part[] = [];
    const end = Math.min(first + count, blockCount);
    for (let at = first; at < end;) {
      const segment = Math.floor(at / segmentBlocks);
      const next = Math.min(end, (segment + 1) * segmentBlocks);
      parts.push({ segment, first: at, from: at - first, to: next - first });
      at = next;
    }
    return parts;
  }
}

/** Each segment's number, and its blocks. */
function bySegment(blocks: readonly CheckedBlock[], segmentBlocks: number): [number, CheckedBlock[]][] {
  const parts = new Map<number, CheckedBlock[]>();
  for (const block of blocks) {
    const segment = Math.floor(block.index / segmentBlocks);
    const part = parts.get(segment);
    if (part === undefined) parts.set(segment, [block]);
    else part.push(block);
  }
  return [...parts];
}
