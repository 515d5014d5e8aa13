/** The parts that the schemas of settings are made of. Each message says what was expected; no message has a value. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import * as v from 'valibot';

import { commandSecret, fileSecret, literalSecret, type SecretSource } from './auth/secret-source.js';
import { expectedKey } from './nearest-name.js';

/** Each may be tried in turn. */
const MAX_NAME_NODES = 16;
const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

export type Schema<Output> = v.GenericSchema<unknown, Output>;

/** What `parse` makes of a value; undefined is refused with what was expected. */
export function parsed<Output>(
  expected: string,
  parse: (value: unknown) => Output | undefined,
): Schema<Output> {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, Output>(({ dataset, addIssue, NEVER }) => {
      const output = parse(dataset.value);
      if (output !== undefined) return output;
      addIssue({ message: `expected ${expected}` });
      return NEVER;
    }),
  );
}

export const optional = v.exactOptional;

/** Not a number: YAML would cut the zeros at its beginning. */
export const text = parsed('text (a number in quotes)', (value) =>
  typeof value === 'string' && value !== '' ? value : undefined,
);

export const flag = parsed('true or false', (value) => (typeof value === 'boolean' ? value : undefined));

export function choice<const Word extends string>(...words: readonly Word[]): Schema<Word> {
  return parsed(words.join(' or '), (value) => words.find((word) => word === value));
}

export const path = parsed('a path that begins with / or ~/', absolutePath);

export const pathOrTrue = parsed('true, or a path that begins with / or ~/', (value) =>
  value === true ? true : absolutePath(value),
);

/** Encoded as in a URL. Not of this machine: there is no `~`. */
export const urlPath = parsed('the path of a URL, which begins with /', (value) => {
  if (typeof value !== 'string' || !/^\/(?!\/)[^?#\\]*$/.test(value)) return undefined;
  const { pathname } = new URL(`http://host${value}`);
  // Steps up would be gone by now.
  return pathname.split('/').length === value.split('/').length ? pathname : undefined;
});

/** May have a path. */
export const baseUrl = parsed('an http or https URL without credentials and query', (value) =>
  typeof value === 'string' ? webUrl(value) : undefined,
);

/** As `oss-cn-hangzhou.aliyuncs.com` too, which means https; with a port of its own either may be meant. */
export const origin = parsed(
  'an http or https URL without a path, as https://HOST:PORT or http://HOST:PORT (without a scheme only if no port is given)',
  (value) => {
    if (typeof value !== 'string') return undefined;
    const url = webUrl(value.includes('://') ? value : `https://${value}`);
    const isVague = !value.includes('://') && url?.port !== '';
    return url?.pathname === '/' && !isVague ? url : undefined;
  },
);

/** Name nodes of HDFS: `host:9870`, or with a scheme, and a path where a gateway has one. */
export const nameNodes = parsed<readonly URL[]>(
  'a list of name nodes, as [HOST:9870, https://HOST:9871]',
  (value) => {
    if (!Array.isArray(value) || value.length === 0 || value.length > MAX_NAME_NODES) return undefined;
    const urls = value.flatMap((node: unknown) => nameNodeUrl(node) ?? []);
    return urls.length === value.length ? urls : undefined;
  },
);

/** Hosts, with or without a port, by others. */
export const hostsByName = parsed<Readonly<Record<string, string>>>(
  'a mapping of hosts to hosts, each as HOST or HOST:PORT',
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value).map(([name, host]: [string, unknown]) => [
      name.toLowerCase(),
      host,
    ]);
    const isHosts = entries.flat().every((host) => typeof host === 'string' && HOST.test(host));
    return isHosts ? (Object.fromEntries(entries) as Record<string, string>) : undefined;
  },
);

/** A literal, `file:PATH`, or `{ command: [PROGRAM, ARGUMENT …] }`. */
export const secret = parsed(
  'text (a number in quotes), file:PATH with a path that begins with / or ~/, or { command: [PROGRAM, …] }',
  secretOf,
);

export const secretFile = parsed('a path that begins with / or ~/', (value) => {
  const file = absolutePath(value);
  return file === undefined ? undefined : fileSecret(file);
});

/** The URL may hold a password. */
export const proxy = parsed<'direct' | SecretSource>('direct, or the http URL of a proxy', (value) => {
  if (value === 'direct') return value;
  const isLiteral = typeof value === 'string' && !value.startsWith('file:');
  const isUrl = !isLiteral || (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol));
  return isUrl ? secretOf(value) : undefined;
});

export const commandWords = parsed('a list of words: the program and its arguments', (value) =>
  isWords(value) ? commandSecret(value) : undefined,
);

/** Names are compared in lower case. */
export function secretsByName(
  expected: string,
  name: RegExp,
): Schema<Readonly<Record<string, SecretSource>>> {
  const lowerCase = parsed(expected, (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value);
    if (!entries.every(([key]) => name.test(key))) return undefined;
    return Object.fromEntries(entries.map(([key, one]) => [key.toLowerCase(), one as unknown]));
  });
  return v.pipe(lowerCase, v.record(v.string(), secret));
}

/** A mapping of known keys. The message for an unknown one names them, and the nearest. */
export function section<const Entries extends v.ObjectEntries>(
  entries: Entries,
): Schema<v.InferOutput<v.StrictObjectSchema<Entries, undefined>>> {
  const names = Object.keys(entries);
  const known = v.strictObject(entries, (issue) => {
    const key = String(issue.path?.at(-1)?.key);
    return issue.expected === 'never' ? expectedKey(names, key) : `expected ${key}`;
  });
  return v.pipe(mapping, known);
}

const mapping = parsed('a mapping', (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined,
);

function secretOf(value: unknown): SecretSource | undefined {
  if (typeof value === 'object' && value !== null && Object.keys(value).join() === 'command') {
    const { command } = value as { readonly command: unknown };
    return isWords(command) ? commandSecret(command) : undefined;
  }
  if (typeof value !== 'string' || value === '') return undefined;
  if (!value.startsWith('file:')) return literalSecret(value);
  const file = absolutePath(value.slice('file:'.length));
  return file === undefined ? undefined : fileSecret(file);
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string');
}

function absolutePath(given: unknown): string | undefined {
  if (typeof given !== 'string') return undefined;
  if (given.startsWith('~/')) return join(homedir(), given.slice(2));
  return isAbsolute(given) ? given : undefined;
}

function nameNodeUrl(node: unknown): URL | undefined {
  if (typeof node !== 'string') return undefined;
  const url = webUrl(node.includes('://') ? node : `http://${node}`);
  if (url === undefined) return undefined;
  // The scheme's own port may be meant where it is written, which a URL does not show.
  if (url.port === '' && !/:\d+(?:\/|$)/.test(node)) url.port = url.protocol === 'https:' ? '9871' : '9870';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function webUrl(given: string): URL | undefined {
  if (!URL.canParse(given)) return undefined;
  const url = new URL(given);
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:';
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return isWeb && isPlain ? url : undefined;
}
