import { percentEncodedSegment } from '../byte-text.js';
import { JsonRows } from '../json-rows.js';
import { childReference, IndexEntry } from './index-entry.js';

type Row = Readonly<Record<string, unknown>>;

/**
 * An index in JSON. Of nginx (`autoindex_format json`): [{"name", "type", "mtime", "size"}]; of Caddy: [{"name", "url",
 * "is_dir", "mod_time", "size"}], where the name has lost the bytes that are not UTF-8, and the URL has them; of Node's
 * `serve`: {"files": [{"base", "relative", "type", "size"}]}, where the size is rounded text.
 */
export class JsonIndex {
  /** Whether it is no such JSON. */
  isOther = false;
  readonly #url: URL;
  /** By the first character that is no white space. */
  #rows: JsonRows | undefined;

  constructor(url: URL) {
    this.#url = url;
  }

  read(text: string): IndexEntry[] {
    const entries: IndexEntry[] = [];
    const first = this.#rows === undefined ? text.trimStart().charAt(0) : '';
    if (first !== '') this.#rows = first === '{' ? new JsonRows('files') : new JsonRows();
    for (const row of this.#unlessOther(() => this.#rows?.read(text)) ?? []) {
      const entry = typeof row === 'object' && row !== null ? jsonEntry(row as Row, this.#url) : undefined;
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  end(): IndexEntry[] {
    this.#unlessOther(() => (this.#rows ?? new JsonRows()).end());
    return [];
  }

  #unlessOther<Result>(work: () => Result): Result | undefined {
    if (this.isOther) return undefined;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.isOther = true;
      return undefined;
    }
  }
}

function jsonEntry(row: Row, url: URL): IndexEntry | undefined {
  const { base, relative, type, size, mtime, mod_time: time = mtime } = row;
  const name = typeof relative === 'string' && typeof base === 'string' ? base : row['name'];
  const reference = typeof row['url'] === 'string' ? row['url'] : referenceOf(name, type);
  const child = reference === undefined ? undefined : childReference(reference, url);
  if (child === undefined) return undefined;
  const lastModifiedMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return IndexEntry.of(child, url, {
    size: Number.isSafeInteger(size) && Number(size) >= 0 ? Number(size) : undefined,
    lastModified: lastModifiedMs >= 0 ? lastModifiedMs - (lastModifiedMs % 1000) : undefined,
  });
}

function referenceOf(name: unknown, type: unknown): string | undefined {
  // Half of a surrogate pair that stands for no byte cannot be part of a URL.
  if (typeof name !== 'string' || /[\ud800-\udc7f\udd00-\udfff]/u.test(name)) return undefined;
  const isDir = type === 'directory' || type === 'folder' || name.endsWith('/');
  return `${percentEncodedSegment(isDir ? name.replace(/\/$/, '') : name)}${isDir ? '/' : ''}`;
}
