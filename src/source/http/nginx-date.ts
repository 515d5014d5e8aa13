import { monthOf } from './http-date.js';

/** `23-Nov-2026 21:40`, in UTC; undefined if there is no such month. */
export function dateOfNginx(text: string): number | undefined {
  const month = monthOf(text.slice(3, 6));
  if (month === -1) return undefined;
  const [day, year, hour, minute] = [text.slice(0, 2), text.slice(7, 11), text.slice(12, 14), text.slice(15)];
  return Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute));
}
