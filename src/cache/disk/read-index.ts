import { BlockTable } from './block-table.js';
import { fstat, futimes, openOwn, readBytes, whileOpen } from './file-io.js';
import type { Geometry } from './geometry.js';
import {
  applyRecords,
  type DecodedIndex,
  decodeHeader,
  MAX_HEADER_BYTES,
  RECORD_BYTES,
} from './index-file.js';
import { filePath } from './layout.js';
import type { StoreContext } from './store-context.js';

/** Holds every header, and as a rule the records of files of up to some 60 MB. */
const START_BYTES = MAX_HEADER_BYTES;
/** A long index does not hold up the process. */
const PIECE_BYTES = 512 * 1024;

export interface LoadedIndex {
  readonly decoded: DecodedIndex;
  readonly table: BlockTable;
}

/** The header of an entry, and when the source last had it; undefined: there is none, or it cannot be read. Never rejects. */
export async function readIndexHeader(
  { root, warnings }: Pick<StoreContext, 'root' | 'warnings'>,
  name: string,
): Promise<(DecodedIndex & { readonly confirmedAtMs: number }) | undefined> {
  try {
    return await whileIndexIsOpen(root, name, async (fd) => {
      const decoded = decodeHeader(await readBytes(fd, 0, START_BYTES));
      const { mtimeNs } = await fstat(fd);
      return decoded && { ...decoded, confirmedAtMs: Math.round(Number(mtimeNs) / 1e6) };
    });
  } catch (error) {
    warnings.warn('cannot read an index file', error);
    return undefined;
  }
}

/** The source has it now. Rejects with the errors of the system. */
export async function confirmEntry(root: string, name: string): Promise<void> {
  await whileIndexIsOpen(root, name, async (fd) => {
    const { atimeMs } = await fstat(fd);
    await futimes(fd, Number(atimeMs) / 1000, Date.now() / 1000);
  });
}

/** The index of an entry, if it is one of such a version; undefined: there is none. Rejects with the errors of the system. */
export async function readIndex(
  root: string,
  name: string,
  geometry: Geometry,
  isExpected: (index: DecodedIndex) => boolean,
): Promise<LoadedIndex | 'wrong' | undefined> {
  return await whileIndexIsOpen(root, name, async (fd) => {
    const start = await readBytes(fd, 0, START_BYTES);
    const decoded = decodeHeader(start);
    if (decoded === undefined || !isExpected(decoded)) return 'wrong';
    const table = new BlockTable(geometry, false);
    const { recordsAt, seed } = decoded;
    let records = start.subarray(recordsAt);
    for (let first = 0; first < geometry.blockCount;) {
      applyRecords(records, first, seed, table, geometry);
      first += Math.floor(records.length / RECORD_BYTES);
      if (first >= geometry.blockCount) break;
      records = await readBytes(fd, recordsAt + first * RECORD_BYTES, PIECE_BYTES);
      if (records.length < RECORD_BYTES) break;
    }
    return { decoded, table };
  });
}

/** Changes whenever the index file does, or is another one. */
export async function indexState(root: string, name: string): Promise<string> {
  try {
    const stats = await whileIndexIsOpen(root, name, fstat);
    return stats === undefined ? 'missing' : `${stats.ino} ${stats.ctimeNs}`;
  } catch {
    return 'unreadable';
  }
}

/** Resolves to undefined if there is none. */
function whileIndexIsOpen<T>(
  root: string,
  name: string,
  work: (fd: number) => Promise<T>,
): Promise<T | undefined> {
  return whileOpen(openOwn(filePath(root, name, 'index')), work);
}
