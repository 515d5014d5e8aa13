import { createHmac, hash as digest } from 'node:crypto';

/** What nothing is encoded in: nearly all. */
const PLAIN = /^[\w\-.~]*$/;

/** As the signatures of all stores want it: all but letters, digits and `-._~`, in capitals. */
export function encodeStrict(text: string): string {
  if (PLAIN.test(text)) return text;
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** What nothing is encoded in. */
const PLAIN_KEY = /^[\w\-./~]*$/;

/** A key of a store as the path of a URL: strict, but for its slashes. */
export function encodeKey(key: string): string {
  if (PLAIN_KEY.test(key)) return key;
  return key.split('/').map(encodeStrict).join('/');
}

/** Decoded, in the order of the URL. Undefined: a name without `=`. */
export type QueryPair = readonly [name: string, value: string | undefined];

/** The stores read a `+` in a query as a space, so nothing that is sent should have one: `encodeStrict` writes `%20`. */
export function queryPairs(url: URL): QueryPair[] {
  const pairs = url.search.slice(1).split('&');
  return pairs
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0
        ? [decodeForm(pair), undefined]
        : [decodeForm(pair.slice(0, at)), decodeForm(pair.slice(at + 1))];
    });
}

/** With more parameters, encoded strictly, behind those that it has. Undefined: not that one. */
export function withQuery(given: URL, added: Readonly<Record<string, string | undefined>>): URL {
  const pairs = Object.entries(added).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeStrict(name)}=${encodeStrict(value)}`],
  );
  const url = new URL(given);
  url.search = [...(url.search === '' ? [] : [url.search.slice(1)]), ...pairs].join('&');
  return url;
}

/** Leaves a malformed escape as it stands. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function decodeForm(text: string): string {
  return decode(text.replaceAll('+', ' '));
}

/** By code units, as the stores compare; `localeCompare` has another order. */
export function byName([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The fields whose name passes, sorted by name, without space around their values. */
export function chosenFields(
  header: Readonly<Record<string, string>>,
  isChosen: (name: string) => boolean,
): [name: string, value: string][] {
  const fields: [name: string, value: string][] = [];
  for (const name in header) if (isChosen(name)) fields.push([name, (header[name] ?? '').trim()]);
  return fields.toSorted(byName);
}

export function fieldLines(fields: readonly (readonly [string, string])[]): string {
  let lines = '';
  for (const [name, value] of fields) lines += `${name}:${value}\n`;
  return lines;
}

/** `20231216T162057Z` */
export function compactTime(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19).replaceAll('-', '').replaceAll(':', '')}Z`;
}

export function hash(algorithm: 'sha1' | 'sha256', text: string): string {
  return digest(algorithm, text, 'hex');
}

export function hmac(algorithm: 'sha1' | 'sha256', key: string | Buffer, text: string): Buffer {
  return createHmac(algorithm, key).update(text).digest();
}
