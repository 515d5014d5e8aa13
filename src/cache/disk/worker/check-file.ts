import { ContentCheck } from '../../content-check.js';
import { checksumOf } from '../../../checksum.js';
import { loadSyscalls } from '../../../native/posix.js';
import { readAt } from '../file-io.js';
import type { ContentDigest } from '../../../source/index.js';

const RUN_BYTES = 1024 * 1024;
/** A multiple of a huge page. */
const WARM_BYTES = 8 * 1024 * 1024;

/** Compares a data file with the checksums of its blocks. */
export interface CheckJob {
  readonly fd: number;
  readonly blockBytes: number;
  readonly sizeBytes: number;
  readonly checksums: Uint32Array;
  readonly digest: ContentDigest | undefined;
  /** Set to 1: the result is of no use any more. */
  readonly cancelled: Int32Array;
}

export interface CheckResult {
  readonly isFinished: boolean;
  /** What could not be read, or does not fit its checksum. */
  readonly wrong: readonly number[];
  /** The digest of all bytes, if it is another one. */
  readonly found: string | undefined;
}

export interface WarmJob {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly cancelled: Int32Array;
}

/** Reads all blocks. */
export async function checkFile(job: CheckJob): Promise<CheckResult> {
  const { fd, sizeBytes, blockBytes, checksums, digest, cancelled } = job;
  const check = digest && (await ContentCheck.of(digest));
  const wrong: number[] = [];
  const runBlocks = Math.max(1, Math.floor(RUN_BYTES / blockBytes));
  const bytes = new Uint8Array(Math.min(runBlocks * blockBytes, sizeBytes));
  for (let first = 0; first < checksums.length; first += runBlocks) {
    if (Atomics.load(cancelled, 0) !== 0) return { isFinished: false, wrong, found: undefined };
    const end = Math.min(first + runBlocks, checksums.length);
    const run = bytes.subarray(0, Math.min(end * blockBytes, sizeBytes) - first * blockBytes);
    const found = await readAt(fd, [run], first * blockBytes).catch(() => 0);
    for (let index = first; index < end; index += 1) {
      const block = run.subarray((index - first) * blockBytes, (index - first + 1) * blockBytes);
      const isThere = block.byteOffset + block.byteLength <= found;
      if (!isThere || checksumOf(block) !== checksums[index]) wrong.push(index);
    }
    check?.update(run);
  }
  return { isFinished: true, wrong, found: wrong.length > 0 ? undefined : check?.mismatch() };
}

/** The next open of a file that was written past the page cache most likely comes soon: then it is there. */
export async function warmFile({ fd, sizeBytes, cancelled }: WarmJob): Promise<void> {
  const syscalls = await loadSyscalls();
  for (let at = 0; at < sizeBytes && Atomics.load(cancelled, 0) === 0; at += WARM_BYTES) {
    await syscalls.populatePageCache(fd, at, Math.min(WARM_BYTES, sizeBytes - at));
  }
}
