/**
 * Directory indexes of web servers. Only pages that are known to be an index are believed, and of those
 * only links that lead one level down; a size or time is taken only where the page states it exactly.
 */
import { Parser } from 'htmlparser2';

import { percentEncodedSegment } from '../byte-text.js';
import type { UrlEntry } from '../metadata.js';
import { childEntry, type Columns, type IndexEntry, nextTurn, ROWS_PER_TURN } from './index-entry.js';
import { dateOfNginx, nginxEntries } from './nginx-index.js';

/**
 * The entries of an index page, or of nginx's JSON index; none for any other page. Never throws. A page that
 * names something twice has two entries of it.
 */
export async function parseIndexPage(
  body: string,
  contentType: string | null,
  url: URL,
): Promise<readonly UrlEntry[]> {
  const isJson = contentType === null ? /^\s*\[/.test(body) : /\bjson\b/i.test(contentType);
  if (isJson) return await jsonEntries(body, url);
  return (await nginxEntries(body, url)) ?? (await htmlEntries(body, url));
}

async function jsonEntries(body: string, url: URL): Promise<IndexEntry[]> {
  let rows: unknown;
  try {
    rows = JSON.parse(body);
  } catch {
    return [];
  }
  if (!Array.isArray(rows)) return [];
  const entries: IndexEntry[] = [];
  for (const [i, row] of (rows as unknown[]).entries()) {
    if (i % ROWS_PER_TURN === ROWS_PER_TURN - 1) await nextTurn();
    if (typeof row !== 'object' || row === null) continue;
    const entry = jsonEntry(row as Readonly<Record<string, unknown>>, url);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/**
 * Of nginx (`autoindex_format json`): {"name", "type", "mtime", "size"}; of Caddy: {"name", "url", "is_dir",
 * "mod_time", "size"}, where the name has lost the bytes that are not UTF-8, and the URL has them.
 */
function jsonEntry(row: Readonly<Record<string, unknown>>, url: URL): IndexEntry | undefined {
  const { name, type, size, mtime, mod_time: time = mtime } = row;
  const reference = typeof row['url'] === 'string' ? row['url'] : referenceOf(name, type);
  if (reference === undefined) return undefined;
  const lastModifiedMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return childEntry(reference, url, {
    size: Number.isSafeInteger(size) && Number(size) >= 0 ? Number(size) : undefined,
    lastModified: lastModifiedMs >= 0 ? lastModifiedMs - (lastModifiedMs % 1000) : undefined,
  });
}

function referenceOf(name: unknown, type: unknown): string | undefined {
  // Half of a surrogate pair that stands for no byte cannot be part of a URL.
  if (typeof name !== 'string' || /[\ud800-\udc7f\udd00-\udfff]/u.test(name)) return undefined;
  const isDir = type === 'directory' || name.endsWith('/');
  return `${percentEncodedSegment(isDir ? name.replace(/\/$/, '') : name)}${isDir ? '/' : ''}`;
}

interface Link {
  readonly href: string;
  /** What stands between this link and the next one. */
  after: string;
}

const INDEX_TITLE = /^\s*(Index of|Directory listing for)\b/i;

/** About as much as `ROWS_PER_TURN` rows. */
const CHARACTERS_PER_TURN = 256 * 1024;

/** Any other index: the links of the page, each with the text that follows it. */
async function htmlEntries(body: string, url: URL): Promise<IndexEntry[]> {
  const links: Link[] = [];
  let isIndex = false;
  let inHeading = false;
  let inLink = false;
  const parser = new Parser({
    onopentag: (name, attributes) => {
      inHeading ||= name === 'title' || name === 'h1';
      if (name !== 'a' || attributes['href'] === undefined) return;
      inLink = true;
      links.push({ href: attributes['href'], after: '' });
    },
    ontext: (text) => {
      if (inHeading) isIndex ||= INDEX_TITLE.test(text);
      const last = links.at(-1);
      if (last !== undefined && !inLink) last.after += text;
    },
    onclosetag: (name) => {
      if (name === 'title' || name === 'h1') inHeading = false;
      if (name === 'a') inLink = false;
      const last = links.at(-1);
      if (last !== undefined && name === 'td') last.after += ' ';
    },
  });
  for (let at = 0; at < body.length; at += CHARACTERS_PER_TURN) {
    if (at > 0) await nextTurn();
    parser.write(body.slice(at, at + CHARACTERS_PER_TURN));
  }
  parser.end();
  if (!isIndex) return [];
  const entries: IndexEntry[] = [];
  for (const [i, { href, after }] of links.entries()) {
    if (i % ROWS_PER_TURN === ROWS_PER_TURN - 1) await nextTurn();
    const entry = childEntry(href, url, columns(after));
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** The columns behind a link: `23-Nov-2026 21:40   1234` (nginx, UTC), `2026-11-23 21:40  1.2K` (Apache, local time). */
function columns(text: string): Columns {
  const match = /(\d{2}-[A-Z][a-z]{2}-\d{4} \d{2}:\d{2})|\d{4}-\d{2}-\d{2} \d{2}:\d{2}/.exec(text);
  if (match === null) return {};
  const size = /^\s*(\d{1,15})\s*$/.exec(text.slice(match.index + match[0].length))?.[1];
  const lastModified = match[1] === undefined ? undefined : dateOfNginx(match[1]);
  return {
    size: size === undefined ? undefined : Number(size),
    ...(lastModified === undefined ? {} : { lastModified, lastModifiedPrecisionMs: 60_000 }),
  };
}
