import { codeOf } from '../../error-code.js';
import { BlockTable } from './block-table.js';
import { close, fstat, futimes, openOwn, readBytes } from './file-io.js';
import type { Geometry } from './geometry.js';
import {
  applyRecords,
  type DecodedIndex,
  decodeHeader,
  MAX_HEADER_BYTES,
  RECORD_BYTES,
} from './index-file.js';
import { filePath } from './layout.js';

/** Holds every header, and as a rule the records of files of up to some 60 MB. */
const START_BYTES = MAX_HEADER_BYTES;
/** A long index does not hold up the process. */
const PIECE_BYTES = 512 * 1024;

export interface LoadedIndex {
  readonly decoded: DecodedIndex;
  readonly table: BlockTable;
}

/** The header of an entry, and when the source last had it; undefined: there is none, or it is damaged. Rejects with the errors of the system. */
export async function readIndexHeader(
  root: string,
  name: string,
): Promise<(DecodedIndex & { readonly confirmedAtMs: number }) | undefined> {
  const found = await whileIndexIsOpen(root, name, async (fd) => {
    const decoded = decodeHeader(await readBytes(fd, 0, START_BYTES));
    if (decoded === undefined) return undefined;
    const { mtimeNs } = await fstat(fd);
    return { ...decoded, confirmedAtMs: Math.round(Number(mtimeNs) / 1e6) };
  });
  return found === 'missing' ? undefined : found;
}

/** The source has it now. Rejects with the errors of the system. */
export async function confirmEntry(root: string, name: string): Promise<void> {
  await whileIndexIsOpen(root, name, async (fd) => {
    const { atimeMs } = await fstat(fd);
    await futimes(fd, Number(atimeMs) / 1000, Date.now() / 1000);
  });
}

/** The index of an entry, if it is one of such a version. Rejects with the errors of the system. */
export async function readIndex(
  root: string,
  name: string,
  geometry: Geometry,
  isExpected: (index: DecodedIndex) => boolean,
): Promise<LoadedIndex | 'missing' | 'wrong'> {
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
    const state = await whileIndexIsOpen(root, name, async (fd) => {
      const { ino, ctimeNs } = await fstat(fd);
      return `${ino} ${ctimeNs}`;
    });
    return state;
  } catch {
    return 'unreadable';
  }
}

async function whileIndexIsOpen<T>(
  root: string,
  name: string,
  work: (fd: number) => Promise<T>,
): Promise<T | 'missing'> {
  let fd: number;
  try {
    fd = await openOwn(filePath(root, name, 'index'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'missing';
    throw error;
  }
  try {
    return await work(fd);
  } finally {
    // No caller needs to wait for it.
    close(fd).catch(() => undefined);
  }
}
