/**
 * A log in memory that outlives the process: records, a line of JSON each, in one of two files that another process has open too
 * (docs/ARCHITECTURE.md, "The journal"). When it has grown, the state is written into the other file, in turns, while records go to
 * both; a file counts from its record `done` on. A process that is killed while it writes leaves an incomplete line at the end.
 */
import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Of the records behind the header. Of another format none is read. */
export const JOURNAL_FORMAT = 1;

/** The first element says of what kind it is. */
export type JournalRecord = readonly [string, ...unknown[]];

/** The first record of a file; every program can read it. */
export interface JournalHeader {
  readonly format: number;
  /** The file with the higher one is the newer one. */
  readonly segment: number;
  /** What the connection to the kernel, and the mount, are. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export type JournalFiles = readonly [number, number];

/** Where a journal ends, and what is in it. */
export interface FoundJournal {
  readonly header: JournalHeader;
  readonly file: 0 | 1;
  readonly endBytes: number;
  readonly records: readonly JournalRecord[];
}

const HEADER = 'd7y-mount';
const DONE = 'done';

/** So long a journal may always be. */
const SHORT_BYTES = 1024 * 1024;
/** Of the state, in one turn of the event loop: some 1 ms. */
const TURN_BYTES = 64 * 1024;

interface Segment {
  readonly fd: number;
  endBytes: number;
}

export class Journal {
  readonly #files: JournalFiles;
  #header: JournalHeader;
  #current: 0 | 1;
  /** That records are written to: a second one while the state is being written into it. */
  #segments: Segment[];
  #pending = '';
  /** Of the state, when it was written last. */
  #stateBytes = 0;
  #isCompacting = false;
  /** Records cannot be written: then there is no journal any more. */
  onFailed: (error: unknown) => void = () => undefined;

  private constructor(files: JournalFiles, header: JournalHeader, current: 0 | 1, endBytes: number) {
    this.#files = files;
    this.#header = header;
    this.#current = current;
    this.#segments = [{ fd: files[current], endBytes }];
  }

  /** A journal of nothing so far. */
  static begin(files: JournalFiles, facts: JournalHeader['facts']): Journal {
    const header = { format: JOURNAL_FORMAT, segment: 1, facts };
    for (const fd of files) ftruncateSync(fd, 0);
    const journal = new Journal(files, header, 0, 0);
    journal.append([HEADER, header]);
    journal.append([DONE]);
    journal.flush();
    return journal;
  }

  /** Goes on where another process has ended. */
  static resume(files: JournalFiles, { header, file, endBytes }: FoundJournal): Journal {
    ftruncateSync(files[file], endBytes);
    return new Journal(files, header, file, endBytes);
  }

  get header(): JournalHeader {
    return this.#header;
  }

  /** Kept until `flush`. */
  append(record: JournalRecord): void {
    this.#pending += `${JSON.stringify(record)}\n`;
  }

  /** To be called before the kernel is sent what the records say. Where there are none it costs nothing. */
  flush(): void {
    if (this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    try {
      for (const segment of this.#segments) write(segment, text);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether records take more room than the state would. */
  get isLong(): boolean {
    const [current] = this.#segments;
    if (current === undefined || this.#isCompacting) return false;
    return current.endBytes > Math.max(SHORT_BYTES, 2 * this.#stateBytes);
  }

  /** Replaces all records by the state, each of whose records is made when it is written. */
  async compact(state: Iterable<JournalRecord>): Promise<void> {
    if (this.#isCompacting) return;
    const next = this.#current === 0 ? 1 : 0;
    const target: Segment = { fd: this.#files[next], endBytes: 0 };
    this.flush();
    this.#isCompacting = true;
    try {
      ftruncateSync(target.fd, 0);
      this.#header = { ...this.#header, segment: this.#header.segment + 1 };
      write(target, `${JSON.stringify([HEADER, this.#header])}\n`);
      if (this.#segments.length === 0) return;
      this.#segments.push(target);
      let text = '';
      for (const record of state) {
        text += `${JSON.stringify(record)}\n`;
        if (text.length < TURN_BYTES) continue;
        write(target, text);
        text = '';
        await nextTurn();
        // These are in the state that follows.
        this.flush();
      }
      write(target, `${text}${JSON.stringify([DONE])}\n`);
      const [old] = this.#segments;
      this.#segments = [target];
      this.#current = next;
      this.#stateBytes = target.endBytes;
      if (old !== undefined) ftruncateSync(old.fd, 0);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isCompacting = false;
    }
  }

  #fail(error: unknown): void {
    if (this.#segments.length === 0) return;
    this.#segments = [];
    // A journal with a gap would be believed.
    for (const fd of this.#files) {
      try {
        ftruncateSync(fd, 0);
      } catch {
        // The other one says enough.
      }
    }
    this.onFailed(error);
  }
}

/** Undefined: there is none that this program, or any, can read. */
export function readJournal(files: JournalFiles): FoundJournal | undefined {
  const found = ([0, 1] as const)
    .map((file) => readSegment(files[file], file))
    .filter((one) => one !== undefined);
  return found.toSorted((a, b) => b.header.segment - a.header.segment)[0];
}

function readSegment(fd: number, file: 0 | 1): FoundJournal | undefined {
  const text = readAll(fd);
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  lines.pop();
  const records: JournalRecord[] = [];
  for (const line of lines) {
    const record = parsed(line);
    // What follows was not written in order.
    if (record === undefined) break;
    records.push(record);
  }
  const [first] = records;
  if (first?.[0] !== HEADER || !records.some(([kind]) => kind === DONE)) return undefined;
  const endBytes = Buffer.byteLength(lines.slice(0, records.length).join('\n')) + 1;
  return { header: first[1] as JournalHeader, file, endBytes, records: records.slice(1) };
}

function readAll(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  let length = 0;
  for (;;) {
    const read = readSync(fd, bytes, length, bytes.length - length, length);
    if (read === 0) return bytes.toString('utf8', 0, length);
    length += read;
  }
}

function parsed(line: string): JournalRecord | undefined {
  try {
    const record: unknown = JSON.parse(line);
    return Array.isArray(record) && typeof record[0] === 'string'
      ? (record as unknown as JournalRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

function write(segment: Segment, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) {
    const written = writeSync(segment.fd, bytes, done, bytes.length - done, segment.endBytes);
    done += written;
    segment.endBytes += written;
  }
}
