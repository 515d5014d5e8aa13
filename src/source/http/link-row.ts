/** Size and time of an entry, as far as its row in an index states them exactly. */
import { withoutReferences } from './character-references.js';
import type { Columns } from './index-entry.js';
import { dateOfNginx } from './nginx-date.js';

export interface LinkRow {
  /** All text behind the link. */
  after: string;
  /** In a `size` element, as rclone writes it, in bytes. */
  exactSize?: string;
  /** Of a `time` element. */
  datetime?: string | undefined;
}

/**
 * The columns behind a link: `23-Nov-2026 21:40   1234` (nginx, in UTC if `isNginx`), `2026-11-23 21:40  1.2K` (Apache, local time),
 * or elements with exact values.
 */
export function columnsOf({ after, exactSize, datetime }: LinkRow, isNginx: boolean): Columns {
  if (exactSize !== undefined) {
    const lastModified = datetime === undefined ? undefined : instantOf(withoutReferences(datetime));
    return { size: bytesOf(exactSize), ...(lastModified === undefined ? {} : { lastModified }) };
  }
  const text = withoutReferences(after);
  const match = /(\d{2}-[A-Z][a-z]{2}-\d{4} \d{2}:\d{2})|\d{4}-\d{2}-\d{2} \d{2}:\d{2}/.exec(text);
  if (match === null) return {};
  const lastModified = match[1] === undefined || !isNginx ? undefined : dateOfNginx(match[1]);
  return {
    size: bytesOf(text.slice(match.index + match[0].length)),
    ...(lastModified === undefined ? {} : { lastModified, lastModifiedPrecisionMs: 60_000 }),
  };
}

function bytesOf(text: string): number | undefined {
  const digits = /^\s*(\d{1,15})\s*$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** `2026-11-29 10:38:24.947242966 +0000 UTC`, as Go writes it, to the second. */
function instantOf(text: string): number | undefined {
  const [, date, time, offset = ''] =
    /^\s*(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d{1,9})? ?(Z|[+-]\d{4})/.exec(text) ?? [];
  const zone = offset.replace(/(\d{2})(\d{2})/, '$1:$2');
  const ms = Date.parse(`${date}T${time}${zone}`);
  return ms >= 0 ? ms : undefined;
}
