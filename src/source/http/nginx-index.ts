/**
 * nginx's index page, which has one form, character by character. Read by that form a page of 10,000 entries
 * takes a tenth of the time that HTML takes; a page of any other form is left to the reader of HTML.
 */
import { monthOf } from './http-date.js';
import { nextTurn, IndexEntry, ROWS_PER_TURN } from './index-entry.js';

const HEAD =
  /<html>\r?\n<head><title>Index of [^<]*<\/title><\/head>\r?\n<body[^>]*>\r?\n<h1>Index of [^<]*<\/h1><hr><pre><a href="\.\.\/">\.\.\/<\/a>\r?\n/y;
/** A link to a name in which all is escaped that could mean anything else, its time, and its size. */
const LINE =
  /<a href="(?!(?:\.|%2[Ee]){1,2}\/?")([\w\-.~%]+\/?)">[^<]*<\/a> +(\d{2}-[A-Z][a-z]{2}-\d{4} \d{2}:\d{2}) +(?:(\d{1,15})|-|\d[\d.]*[KMGT])\r?\n/y;
const TAIL = /<\/pre><hr><\/body>\r?\n<\/html>\s*$/y;

const MINUTE_MS = 60_000;

/** The entries; undefined if the page is not exactly of nginx's form. */
export async function nginxEntries(body: string, url: URL): Promise<IndexEntry[] | undefined> {
  if (!url.pathname.endsWith('/')) return undefined;
  let at = skip(HEAD, body, 0);
  const references: string[] = [];
  const sizes: (number | undefined)[] = [];
  const times: number[] = [];
  // Files are often of one time.
  let date = '';
  let lastModified: number | undefined;
  for (;;) {
    LINE.lastIndex = at;
    const found = LINE.exec(body);
    if (found === null) break;
    // By index: taking it apart by a pattern takes several times as long.
    const foundDate = found[2] ?? '';
    if (foundDate !== date) {
      date = foundDate;
      lastModified = dateOfNginx(foundDate);
    }
    if (lastModified === undefined) return undefined;
    references.push(found[1] ?? '');
    sizes.push(found[3] === undefined ? undefined : Number(found[3]));
    times.push(lastModified);
    at = LINE.lastIndex;
    if (references.length % ROWS_PER_TURN === 0) await nextTurn();
  }
  if (at === 0 || skip(TAIL, body, at) === 0) return undefined;
  const entries: IndexEntry[] = [];
  for (const reference of copies(references)) {
    const row = entries.length;
    const columns = { size: sizes[row], lastModified: times[row], lastModifiedPrecisionMs: MINUTE_MS };
    entries.push(IndexEntry.of(reference, url, columns));
    if (entries.length % ROWS_PER_TURN === 0) await nextTurn();
  }
  return entries;
}

/** `23-Nov-2026 21:40`, in UTC; undefined if there is no such month. */
export function dateOfNginx(text: string): number | undefined {
  const month = monthOf(text.slice(3, 6));
  if (month === -1) return undefined;
  const [day, year, hour, minute] = [text.slice(0, 2), text.slice(7, 11), text.slice(12, 14), text.slice(15)];
  return Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute));
}

/** Where the match of a sticky pattern at `at` ends; 0 if there is none. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : 0;
}

/** A part of a string keeps all of it in memory: what is joined is less than the page. */
function copies(parts: readonly string[]): string[] {
  return parts.length === 0 ? [] : parts.join('\n').split('\n');
}
