import { parseHttpDate } from '../../http/http-date.js';

const MAX_CHARS = 64;
const SECOND_MS = 1000;
/** `GMT`, `Z`, `+0000`, `+01:00`. */
const ZONE = /(?:[A-Z]{1,4}|[+-]\d\d:?\d\d)(?: \d{4})?$/;
/** RFC 3339, the space instead of its `T` too. */
const ISO = /^\d{4}-\d\d-\d\d[T ]/;

/**
 * `getlastmodified` as servers write it, in whole seconds, which is what a read answers: RFC 1123 (also with one digit for the
 * day, or `+0000`), RFC 3339, and date(1)'s form. UTC where no zone is named.
 */
export function parseWebdavDate(given: string): number | undefined {
  const text = given.trim();
  if (text.length > MAX_CHARS) return undefined;
  const ms = parseHttpDate(ZONE.test(text) ? text : `${text}${ISO.test(text) ? 'Z' : ' GMT'}`);
  return Number.isNaN(ms) ? undefined : ms - (ms % SECOND_MS);
}
