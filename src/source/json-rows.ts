import { ListingTooLong } from './listing-limits.js';

const MAX_ROW_CHARS = 64 * 1024;
const MAX_DEPTH = 32;
/** Before the list. */
const MAX_BEFORE_CHARS = 4 * 1024;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * The rows of a list in JSON, parsed piece by piece: neither time nor memory grow faster than the text. The list is
 * all of the text, or a member of an object, which may be a member of another. Throws SyntaxError for what is no such JSON, and `ListingTooLong`.
 */
export class JsonRows {
  readonly #members: readonly string[];
  #state: 'before' | 'rows' | 'behind' = 'before';
  /** What is not parsed yet. */
  #text = '';
  /** Up to where the rows were looked at, and what was open there. */
  #at = 0;
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #hasRows = false;
  /** What stands before the list: the other members of its object. */
  #before = '';

  /** The way to the list: a member of the object that the text is, a member of that one … None: the text is the list. */
  constructor(...members: readonly string[]) {
    this.#members = members;
  }

  /** The rows that are whole with this text. */
  read(text: string): unknown[] {
    this.#text += text;
    if (this.#state === 'before') this.#findList();
    const rows = this.#state === 'rows' ? this.#takeRows() : [];
    if (this.#text.length > MAX_ROW_CHARS)
      throw new ListingTooLong(`${MAX_ROW_CHARS} characters in one entry`);
    return rows;
  }

  /** The value without the rows. Throws if the text was not whole. */
  end(): unknown {
    if (this.#state !== 'behind') throw new SyntaxError('it has no list, or ends early');
    return JSON.parse(`${this.#before}[]${this.#text}`);
  }

  #findList(): void {
    const member = this.#members.at(-1);
    const pattern = member === undefined ? /^\s*\[/ : new RegExp(`"${member}"\\s*:\\s*\\[`, 'g');
    for (let found = pattern.exec(this.#text); found !== null; found = pattern.exec(this.#text)) {
      const start = found.index + found[0].length;
      const before = this.#text.slice(0, start - 1);
      if (member === undefined || hasMembers(before, this.#members)) {
        this.#before = before;
        this.#text = this.#text.slice(start);
        this.#state = 'rows';
        return;
      }
    }
    if (this.#text.length > MAX_BEFORE_CHARS) throw new SyntaxError('it does not begin with the list');
    if (member === undefined && this.#text.trim() !== '') throw new SyntaxError('it is no list');
  }

  #takeRows(): unknown[] {
    const { text, rowsEnd, isClosed } = this.#look();
    const rows: unknown[] = [];
    if (rowsEnd !== -1) {
      const whole = text.slice(0, rowsEnd);
      const isEmpty = whole.trim() === '';
      if (isEmpty && (!isClosed || this.#hasRows)) throw new SyntaxError('a row is missing');
      for (const row of JSON.parse(`[${whole}]`) as unknown[]) rows.push(row);
      this.#hasRows = true;
      this.#text = text.slice(rowsEnd + 1);
      this.#at -= rowsEnd + 1;
    }
    if (isClosed) this.#state = 'behind';
    return rows;
  }

  /** Looks at the rest of the text: where its last whole row ends, and whether that is where the list ends. */
  #look(): { text: string; rowsEnd: number; isClosed: boolean } {
    const text = this.#text;
    // In locals: each character goes through this loop.
    let [at, depth, inString, isEscaped] = [this.#at, this.#depth, this.#inString, this.#isEscaped];
    let rowsEnd = -1;
    let isClosed = false;
    for (; at < text.length && !isClosed; at += 1) {
      const code = text.charCodeAt(at);
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (code === BACKSLASH) isEscaped = true;
        else if (code === QUOTE) inString = false;
      } else if (code === QUOTE) {
        inString = true;
      } else if (code === COMMA) {
        if (depth === 0) rowsEnd = at;
      } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
        depth += 1;
        if (depth > MAX_DEPTH) throw new ListingTooLong(`${MAX_DEPTH} levels`);
      } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
        depth -= 1;
        isClosed = depth < 0;
        if (isClosed) rowsEnd = at;
        if (isClosed && code !== CLOSE_LIST) throw new SyntaxError('the list is closed as an object');
      }
    }
    [this.#at, this.#depth, this.#inString, this.#isEscaped] = [at, depth, inString, isEscaped];
    return { text, rowsEnd, isClosed };
  }
}

/** Whether what follows is the value at the end of the way, and no other. */
function hasMembers(before: string, members: readonly string[]): boolean {
  try {
    let value = JSON.parse(`${before}null${'}'.repeat(members.length)}`) as unknown;
    for (const member of members) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return false;
      value = (value as Readonly<Record<string, unknown>>)[member];
    }
    // A member of the same name before it would be another value.
    return value === null;
  } catch {
    return false;
  }
}
