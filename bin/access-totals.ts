/** `d7y-mount stats --by`: what the lines of the access log amount to, by who or what they are of. */

export type AccessKey = 'pid' | 'uid' | 'path';

export interface AccessRow {
  /** A process, a user or a path; `other`: of those that came when there were very many. */
  readonly key: string;
  operations: number;
  errors: number;
  readBytes: number;
  /** That the operations took, waits included. */
  seconds: number;
}

/** In the order of the fields of a line. */
const FIELDS = { operation: 1, path: 2, length: 4, result: 5, seconds: 6, pid: 7, uid: 8 } as const;
const FIELD_COUNT = 10;
const MAX_ROWS = 10_000;
const OTHER = 'other';

export class AccessTotals {
  readonly #by: AccessKey;
  readonly #nameOf: (key: string) => string;
  readonly #rows = new Map<string, AccessRow>();
  /** Lines that the mount has dropped. */
  dropped = 0;

  /** `nameOf`: under which key a value is counted. */
  constructor(by: AccessKey, nameOf: (key: string) => string = (key) => key) {
    this.#by = by;
    this.#nameOf = nameOf;
  }

  add(line: string): void {
    this.dropped += Number(/^# (\d+) lines were dropped/.exec(line)?.[1] ?? 0);
    const fields = line.split('\t');
    if (fields.length !== FIELD_COUNT) return;
    const row = this.#rowOf(this.#nameOf(fields[FIELDS[this.#by]] ?? '-'));
    const isRead = fields[FIELDS.operation] === 'read';
    row.operations += 1;
    row.seconds += Number(fields[FIELDS.seconds]);
    if (fields[FIELDS.result] !== 'ok') row.errors += 1;
    else if (isRead) row.readBytes += Number(fields[FIELDS.length]) || 0;
  }

  /** Those that have read most first, then those that have waited longest. */
  get rows(): readonly AccessRow[] {
    return [...this.#rows.values()].toSorted((a, b) => b.readBytes - a.readBytes || b.seconds - a.seconds);
  }

  #rowOf(key: string): AccessRow {
    const name = this.#rows.size < MAX_ROWS || this.#rows.has(key) ? key : OTHER;
    const row = this.#rows.get(name) ?? { key: name, operations: 0, errors: 0, readBytes: 0, seconds: 0 };
    this.#rows.set(name, row);
    return row;
  }
}
