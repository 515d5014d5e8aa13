import { type FileHandle, open } from 'node:fs/promises';

export const BLOCK_BYTES = 4096;
const CHUNK_BYTES = 1024 * 1024;
const UNSTAMPED = Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => (i * 31) % 251);

/**
 * Files whose blocks say where they belong: each begins with the file's number and the block's index, both
 * 32 bits, little-endian; what follows is the same in all blocks. So readers recognise wrong bytes.
 */
export function stampedBlock(file: number, index: number): Buffer {
  const block = Buffer.from(UNSTAMPED);
  block.writeUInt32LE(file, 0);
  block.writeUInt32LE(index, 4);
  return block;
}

/** `count` blocks from the block `first` on. */
export function stampedBlocks(file: number, first: number, count: number): Buffer {
  const blocks = Buffer.alloc(count * BLOCK_BYTES, stampedBlock(file, first));
  for (let i = 0; i < count; i += 1) blocks.writeUInt32LE(first + i, i * BLOCK_BYTES + 4);
  return blocks;
}

export async function writeStamped(path: string, file: number, bytes: number): Promise<void> {
  const chunk = stampedBlocks(file, 0, CHUNK_BYTES / BLOCK_BYTES);
  await writing(path, async (handle) => {
    for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) {
      for (let at = 0; at < CHUNK_BYTES; at += BLOCK_BYTES) {
        chunk.writeUInt32LE((offset + at) / BLOCK_BYTES, at + 4);
      }
      await handle.write(chunk, 0, Math.min(CHUNK_BYTES, bytes - offset), offset);
    }
  });
}

/** A stamp at the begin of each MiB, and holes. */
export async function writeSparseStamped(path: string, file: number, bytes: number): Promise<void> {
  await writing(path, async (handle) => {
    await handle.truncate(bytes);
    for (let offset = 0; offset < bytes; offset += CHUNK_BYTES) {
      await handle.write(stampedBlock(file, offset / BLOCK_BYTES), 0, 8, offset);
    }
  });
}

async function writing(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await write(handle);
  } finally {
    await handle.close();
  }
}
