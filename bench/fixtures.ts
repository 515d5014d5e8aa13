import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Scratch } from './scratch.js';
import { stampedBlock, writeSparseStamped, writeStamped } from './stamped-file.js';

const MIB = 1024 * 1024;
export const MANY_FILES = 64;
export const MANY_BYTES = 100 * MIB;
export const WARM_UP_BYTES = 512 * MIB;
/** Too much to be fetched whole at once. */
const HEAD_BYTES = 8 * MIB;
const BUILD_LIMIT_MS = 120_000;

/** In scattered pages: an index over values in no order; 125,000 rows are about 32 MB. */
const database = (rows: number): string => `
  pragma page_size = 4096; pragma journal_mode = off; pragma synchronous = off;
  create table item (id integer primary key, key integer, text text);
  with recursive count(n) as (select 1 union all select n + 1 from count where n < ${rows})
  insert into item select n, n * 2654435761 % 4294967296, printf('%0200d', n) from count;
  create index item_key on item (key);`;

/** The files of the origin, each built when a row first needs it. All paths are relative to its root. */
export class Fixtures {
  readonly root: string;
  readonly largeBytes: number;
  readonly #scratch: Scratch;
  readonly #built = new Map<string, Promise<string>>();

  constructor(root: string, largeBytes: number, scratch: Scratch) {
    this.root = root;
    this.largeBytes = largeBytes;
    this.#scratch = scratch;
  }

  /** A stamped file of `largeBytes`, with the number 0. */
  large(): Promise<string> {
    return this.#once('large/large.bin', (path) => writeStamped(path, 0, this.largeBytes));
  }

  /** A stamped file of `WARM_UP_BYTES`, with the number 0. */
  warmUp(): Promise<string> {
    return this.#once('warm-up/large.bin', (path) => writeStamped(path, 0, WARM_UP_BYTES));
  }

  /** Files `<number>.bin` of `HEAD_BYTES`, of which the first block is stamped. */
  heads(directory: string, count: number): Promise<string> {
    return this.#numbered(directory, count, async (path, i) => {
      await writeFile(path, stampedBlock(i, 0));
      await truncate(path, HEAD_BYTES);
    });
  }

  /** Files `<number>.bin` of one stamped block. */
  small(directory: string, count: number): Promise<string> {
    return this.#numbered(directory, count, (path, i) => writeFile(path, stampedBlock(i, 0)));
  }

  /** `MANY_FILES` sparse stamped files `<number>.bin` of `MANY_BYTES`. */
  many(): Promise<string> {
    return this.#numbered('many', MANY_FILES, (path, i) => writeSparseStamped(path, i, MANY_BYTES));
  }

  /** Files of different sizes. */
  listing(directory: string, count: number): Promise<string> {
    return this.#numbered(directory, count, (path, i) => writeFile(path, 'x'.repeat(i % 100)));
  }

  database(name: string, rows: number): Promise<string> {
    return this.#once(`sqlite/${name}`, async (path) => {
      await this.#scratch.programs.run('sqlite3', [path, database(rows)], BUILD_LIMIT_MS);
    });
  }

  #numbered(
    directory: string,
    count: number,
    write: (path: string, index: number) => Promise<void>,
  ): Promise<string> {
    return this.#once(directory, async (path) => {
      await mkdir(path);
      for (let i = 0; i < count; i += 1) await write(join(path, `${i}.bin`), i);
    });
  }

  #once(name: string, build: (path: string) => Promise<void>): Promise<string> {
    const building = this.#built.get(name) ?? this.#build(name, build);
    this.#built.set(name, building);
    return building;
  }

  async #build(name: string, build: (path: string) => Promise<void>): Promise<string> {
    const path = join(this.root, name);
    await mkdir(join(path, '..'), { recursive: true });
    await build(path);
    return name;
  }
}
