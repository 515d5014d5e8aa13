/** Of a version larger than the limit, one of this many parts of the limit is evicted at a time. */
const REGIONS_PER_LIMIT = 16;
const PAGE_BYTES = 4096;
/** Of an index file: about what its header takes, and each block. */
const [HEADER_BYTES, RECORD_BYTES] = [1024, 8];
/** The inode itself (of ext4) holds this many extents; a block of the file system this many more. */
const [INODE_EXTENTS, EXTENTS_PER_BLOCK] = [4, 256];

/** How a version is cut into blocks. */
export interface Geometry {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly blockCount: number;
  /** Of a version that can never be complete, so many blocks are evicted at a time; undefined: all of it is. */
  readonly regionBlocks: number | undefined;
}

export function geometryOf(sizeBytes: number, blockBytes: number, limitBytes: number): Geometry {
  const regionBlocks =
    sizeBytes > limitBytes ? Math.max(1, Math.round(limitBytes / REGIONS_PER_LIMIT / blockBytes)) : undefined;
  return { sizeBytes, blockBytes, blockCount: Math.ceil(sizeBytes / blockBytes), regionBlocks };
}

/** Of the last block, what is left. */
export function blockLength({ sizeBytes, blockBytes }: Geometry, index: number): number {
  return Math.min(blockBytes, sizeBytes - index * blockBytes);
}

/** In whole pages: an allocation cannot be smaller. */
export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** What the files of a complete version allocate, about. */
export function filesBytes(sizeBytes: number, blockBytes: number): number {
  return pagesOf(sizeBytes) + pagesOf(HEADER_BYTES + Math.ceil(sizeBytes / blockBytes) * RECORD_BYTES);
}

/**
 * File systems allocate blocks for the list of extents too, and report them late. At worst each block is an extent of its own.
 * An entry counts as a block at least: it takes memory of ours too.
 */
export function chargeOf(allocatedBytes: number, blockBytes: number): number {
  const extents = allocatedBytes / blockBytes;
  const extentPages = extents > INODE_EXTENTS ? 1 + Math.ceil(extents / EXTENTS_PER_BLOCK) : 0;
  return Math.max(blockBytes, allocatedBytes + extentPages * PAGE_BYTES);
}
