import { ListingTooLong, MAX_LISTED_ENTRIES } from '../../listing-limits.js';
import { MalformedXml } from '../../xml-events.js';

/** Of a row with its metadata, of which Azure takes 8 KiB, or of a page. */
const MAX_FIELDS = 4_096;

/** The elements of a row or a page, by name. */
export class ListedFields extends Map<string, string> {
  override set(name: string, text: string): this {
    if (this.size === MAX_FIELDS) throw new MalformedXml(`at most ${MAX_FIELDS} elements in one`, 'more');
    return super.set(name, text);
  }
}

/** Of one page: no directory may have more. */
export function checkRowCount(rows: number): void {
  if (rows > MAX_LISTED_ENTRIES) throw new ListingTooLong(`${MAX_LISTED_ENTRIES} entries`);
}
