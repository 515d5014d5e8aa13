import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Scratch } from './scratch.js';
import { stampedBlock, writeSparseStamped, writeStamped } from './stamped-file.js';

const MIB = 1024 * 1024;
export const FIRST_FILES = 20;
export const SMALL_FILES = 500;
export const MANY_FILES = 64;
export const MANY_BYTES = 100 * MIB;
export const LISTING_ENTRIES = 10_000;
const FIRST_BYTES = 8 * MIB;
const BUILD_LIMIT_MS = 120_000;

/** About 32 MB in scattered pages: an index over values in no order. */
const DATABASE = `
  pragma page_size = 4096; pragma journal_mode = off; pragma synchronous = off;
  create table item (id integer primary key, key integer, text text);
  with recursive count(n) as (select 1 union all select n + 1 from count where n < 125000)
  insert into item select n, n * 2654435761 % 4294967296, printf('%0200d', n) from count;
  create index item_key on item (key);`;

/** The files of the origin, each built when it is first asked for. All paths are relative to its root. */
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

  /** `FIRST_FILES` stamped files `<number>.bin`, too large to be fetched whole at once. */
  first(): Promise<string> {
    return this.#numbered('first', FIRST_FILES, (path, i) => writeStamped(path, i, FIRST_BYTES));
  }

  /** `SMALL_FILES` files `<number>.bin` of one stamped block. */
  small(): Promise<string> {
    return this.#numbered('small', SMALL_FILES, (path, i) => writeFile(path, stampedBlock(i, 0)));
  }

  /** `MANY_FILES` sparse stamped files `<number>.bin` of `MANY_BYTES`. */
  many(): Promise<string> {
    return this.#numbered('many', MANY_FILES, (path, i) => writeSparseStamped(path, i, MANY_BYTES));
  }

  /** A directory of `LISTING_ENTRIES` files; their sizes differ. */
  listing(): Promise<string> {
    return this.#numbered('listing', LISTING_ENTRIES, (path, i) => writeFile(path, 'x'.repeat(i % 100)));
  }

  database(): Promise<string> {
    return this.#once('sqlite/items.db', async (path) => {
      await this.#scratch.programs.run('sqlite3', [path, DATABASE], BUILD_LIMIT_MS);
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
