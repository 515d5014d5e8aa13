import type { VersionBlocks } from './version-blocks.js';

export interface CopiedReadOptions {
  readonly blocks: VersionBlocks;
  readonly offset: number;
  /** Where the read ends, as far as the size is known by now. */
  readonly end: () => number;
  /** Makes sure that the blocks of `[start, end)` are in flight. */
  readonly demand: (start: number, end: number) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Copies what a read wants into `target`, block by block, each as soon as it is there: needs no more than one of
 * them to stay in memory. Returns the part of `target` that was filled. Once it has settled, `InterruptedError`
 * included, it writes nothing more.
 */
export async function copiedRead(target: Uint8Array, options: CopiedReadOptions): Promise<Uint8Array> {
  const { blocks, offset, end, demand, signal } = options;
  const progress = { at: offset, isAtEnd: false };
  const blockEnd = (): number =>
    Math.min(progress.at - (progress.at % blocks.blockBytes) + blocks.blockBytes, end());
  const take = (): void => {
    const [view = Buffer.of()] = blocks.views(progress.at, blockEnd());
    target.set(view, progress.at - offset);
    progress.at += view.byteLength;
    // A complete block that is shorter is the last, even if the size was not known until now.
    progress.isAtEnd = view.byteLength === 0;
  };
  while (!progress.isAtEnd && progress.at < end()) {
    const absence = blocks.lastAbsence(progress.at, blockEnd());
    if (absence === undefined) take();
    else if (absence.block === undefined) demand(progress.at, blockEnd());
    else await absence.block.whenVisible(absence.bytes, signal, take);
  }
  return target.subarray(0, progress.at - offset);
}
