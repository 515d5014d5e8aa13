/** The files of the origin, each built when a row first needs it. All paths are relative to its root. */
import { link, mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { run } from './programs.js';
import { MIB } from './usage.js';

export const LARGE = 'large/large.bin';
export const WARM_UP = 'warm-up/large.bin';
export const WARM_UP_BYTES = 512 * MIB;
const BLOCK_BYTES = 4096;

/**
 * Blocks say where they belong: each begins with the file's number and the block's index, both 32 bits, little-endian, and
 * what follows is the same in all blocks. So `reads.py` recognises wrong bytes.
 */
function stampedBlock(file: number): Buffer {
  const block = Buffer.from(Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => (i * 31) % 251));
  block.writeUInt32LE(file, 0);
  block.writeUInt32LE(0, 4);
  return block;
}

async function writeStamped(path: string, bytes: number): Promise<void> {
  const chunk = Buffer.alloc(MIB, stampedBlock(0));
  const handle = await open(path, 'w');
  for (let offset = 0; offset < bytes; offset += MIB) {
    for (let at = 0; at < MIB; at += BLOCK_BYTES) chunk.writeUInt32LE((offset + at) / BLOCK_BYTES, at + 4);
    await handle.write(chunk, 0, Math.min(MIB, bytes - offset), offset);
  }
  await handle.close();
}

/** In scattered pages: an index over values in no order; 125,000 rows are about 32 MB. */
function database(rows: number): string {
  return `
    pragma page_size = 4096; pragma journal_mode = off; pragma synchronous = off;
    create table item (id integer primary key, key integer, text text);
    with recursive count(n) as (select 1 union all select n + 1 from count where n < ${rows})
    insert into item select n, n * 2654435761 % 4294967296, printf('%0200d', n) from count;
    create index item_key on item (key);`;
}

export type Files = ReturnType<typeof filesOf>;

export function filesOf(root: string, largeBytes: number) {
  const built = new Map<string, Promise<void>>();
  const once = (name: string, write: (path: string) => Promise<unknown>): Promise<void> => {
    const path = join(root, name);
    const build = async (): Promise<void> => {
      await mkdir(dirname(path), { recursive: true });
      await write(path);
    };
    const building = built.get(name) ?? build();
    built.set(name, building);
    return building;
  };
  type Write = (path: string, number: number) => Promise<unknown>;
  const numbered = (directory: string, count: number, write: Write): Promise<void> =>
    once(directory, async (path) => {
      await mkdir(path);
      for (let i = 0; i < count; i += 1) await write(join(path, `${i}.bin`), i);
    });
  return {
    root,
    largeBytes,
    /** Files with the number 0. */
    large: () => once(LARGE, (path) => writeStamped(path, largeBytes)),
    warmUp: () => once(WARM_UP, (path) => writeStamped(path, WARM_UP_BYTES)),
    /** `<number>.bin`: the same file by many names. */
    links: (directory: string, count: number, bytes: number) =>
      numbered(directory, count, (path, i) =>
        i === 0 ? writeStamped(path, bytes) : link(join(dirname(path), '0.bin'), path),
      ),
    /** `<number>.bin`, of which the first block is stamped. */
    heads: (directory: string, count: number, bytes: number) =>
      numbered(directory, count, async (path, i) => {
        await writeFile(path, stampedBlock(i));
        await truncate(path, bytes);
      }),
    /** `<number>.bin` of different sizes. */
    sized: (directory: string, count: number) =>
      numbered(directory, count, (path, i) => writeFile(path, 'x'.repeat(i % 100))),
    database: (name: string, rows: number) => once(name, (path) => run('sqlite3', [path, database(rows)])),
  };
}
