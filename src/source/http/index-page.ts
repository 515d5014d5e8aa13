/**
 * Directory indexes of web servers. Only pages that are known to be an index are believed, and of those
 * only links that lead one level down; a size or time is taken only where the page states it exactly.
 */
import { Parser } from 'htmlparser2';

import type { UrlEntry } from '../metadata.js';

/** The entries of an index page, or of nginx's JSON index; none for any other page. Never throws. */
export function parseIndexPage(body: string, contentType: string | null, url: URL): readonly UrlEntry[] {
  const isJson = contentType === null ? /^\s*\[/.test(body) : /\bjson\b/i.test(contentType);
  const entries = isJson ? jsonEntries(body, url) : htmlEntries(body, url);
  return [...new Map(entries.map((entry) => [entry.name, entry])).values()];
}

/** nginx, `autoindex_format json`: [{"name", "type", "mtime", "size"}]. */
function jsonEntries(body: string, url: URL): UrlEntry[] {
  let rows: unknown;
  try {
    rows = JSON.parse(body);
  } catch {
    return [];
  }
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row: unknown) => {
    if (typeof row !== 'object' || row === null || !('name' in row) || typeof row.name !== 'string')
      return [];
    const isDir = 'type' in row && row.type === 'directory';
    const entry = childEntry(`${encodeURIComponent(row.name)}${isDir ? '/' : ''}`, url);
    if (entry === undefined) return [];
    const lastModified = 'mtime' in row ? Date.parse(String(row.mtime)) : Number.NaN;
    return {
      ...entry,
      ...('size' in row && Number.isSafeInteger(row.size) && !isDir ? { size: Number(row.size) } : {}),
      ...(Number.isNaN(lastModified) ? {} : { lastModified }),
    };
  });
}

interface Link {
  readonly href: string;
  /** What stands between this link and the next one. */
  after: string;
}

const INDEX_TITLE = /^\s*(Index of|Directory listing for)\b/i;

function htmlEntries(body: string, url: URL): UrlEntry[] {
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
  parser.end(body);
  if (!isIndex) return [];
  return links.flatMap(({ href, after }) => {
    const entry = childEntry(href, url);
    return entry === undefined ? [] : { ...entry, ...columns(entry.isDir, after) };
  });
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The columns behind a link: `23-Nov-2026 21:40   1234` (nginx, UTC), `2026-11-23 21:40  1.2K` (Apache, local time). */
function columns(
  isDir: boolean,
  text: string,
): Pick<UrlEntry, 'size' | 'lastModified' | 'lastModifiedPrecisionMs'> {
  const match = /(\d{2})-([A-Z][a-z]{2})-(\d{4}) (\d{2}):(\d{2})|\d{4}-\d{2}-\d{2} \d{2}:\d{2}/.exec(text);
  if (match === null) return {};
  const size = /^\s*(\d{1,15})\s*$/.exec(text.slice(match.index + match[0].length))?.[1];
  const month = MONTHS.indexOf(match[2] ?? '');
  const lastModified =
    month === -1
      ? undefined
      : Date.UTC(Number(match[3]), month, Number(match[1]), Number(match[4]), Number(match[5]));
  return {
    ...(size === undefined || isDir ? {} : { size: Number(size) }),
    ...(lastModified === undefined ? {} : { lastModified, lastModifiedPrecisionMs: 60_000 }),
  };
}

/** The entry that a link of the page at `base` leads to, if it is one level below. */
function childEntry(href: string, base: URL): UrlEntry | undefined {
  if (!URL.canParse(href, base.href)) return undefined;
  const url = new URL(href, base);
  if (url.origin !== base.origin || url.search !== '' || url.hash !== '') return undefined;
  if (!url.pathname.startsWith(base.pathname)) return undefined;
  const rest = url.pathname.slice(base.pathname.length);
  const isDir = rest.endsWith('/');
  const name = isDir ? rest.slice(0, -1) : rest;
  if (name === '' || name.includes('/')) return undefined;
  return { name, url, isDir };
}
