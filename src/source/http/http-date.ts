const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** `Mon, 23 Nov 2026 21:40:00 GMT` (RFC 9110, 5.6.7). */
const FIXED_DATE =
  /^[A-Z][a-z]{2}, (0[1-9]|[12]\d|3[01]) ([A-Z][a-z]{2}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d) GMT$/;

/** `Sun Nov  6 08:49:37 1994`, the form of asctime(3), which names no zone and means GMT (RFC 9110, 5.6.7). */
const ASCTIME_DATE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/;

/** From 0 on, of a name as `Nov`; -1 if there is no such month. */
export function monthOf(name: string): number {
  return MONTHS.indexOf(name);
}

/** Milliseconds; NaN for what is no date. The usual form is not left to `Date.parse`, which takes several times as long. */
export function parseHttpDate(text: string): number {
  const [, day, monthName = '', year, hour, minute, second] = FIXED_DATE.exec(text) ?? [];
  const month = monthOf(monthName);
  if (month === -1) return Date.parse(ASCTIME_DATE.test(text) ? `${text} GMT` : text);
  return Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute), Number(second));
}

export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}
