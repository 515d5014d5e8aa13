/** How the values of options are written, on the command line, in the environment and in a file. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import { rootOption } from '../../src/mount/root-option.js';
import { isCidr } from '../../src/source/address-policy.js';
import * as quantity from '../../src/quantity.js';
import type { HeaderOption } from '../header-option.js';
import { formatListenAddress, type ListenAddress, parseListenAddress } from '../listen-address.js';
import type { PluginOptionValue } from '../plugin-options.js';

export interface OptionKind<Value> {
  /** What stands for the value in `--help`; undefined: the option is a flag. */
  readonly placeholder: string | undefined;
  readonly expected: string;
  /** Of the command line. Undefined: it is refused. */
  readonly parse: (text: string) => Value | undefined;
  /** Of a file, or of the environment, where every value is text. */
  readonly read: (value: unknown) => Value | undefined;
  readonly show: (value: Value) => string;
  /** It may be given several times. */
  readonly isList?: boolean;
  /** It may hold secrets: no message, list or document shows it. */
  readonly isSecret?: boolean;
}

const EXPECTED_HEADER = "'https://host[:port]: Name: value', or http:// to send it in the clear";

export const flag: OptionKind<boolean> = {
  placeholder: undefined,
  expected: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  read: (value) => (typeof value === 'boolean' ? value : fromText(value, flag.parse)),
  show: String,
};

export const size = number('size', 'a size such as 64MiB', quantity.parseSize, quantity.formatSize);
export const duration = number(
  'duration',
  'a duration such as 30s',
  quantity.parseDuration,
  quantity.formatDuration,
);
export const count = number('count', 'a whole number', quantity.parseCount, String);
export const maybeCount = optional(count);
export const id = optional({ ...count, placeholder: 'id' });
/** Only as text: YAML takes 022 for twenty-two. */
export const mode = optional({
  ...number('mode', "an octal mode such as '022'", quantity.parseMode, (value) => value.toString(8)),
  read: (value) => fromText(value, quantity.parseMode),
});

export function sizeOfAtLeast(bytes: number): OptionKind<number> {
  const isEnough = (value: number | undefined): number | undefined =>
    value !== undefined && value >= bytes ? value : undefined;
  return {
    ...size,
    expected: `${size.expected}, at least ${quantity.formatSize(bytes)}`,
    parse: (text) => isEnough(size.parse(text)),
    read: (value) => isEnough(size.read(value)),
  };
}

export function choice<const Word extends string>(
  placeholder: string,
  ...words: readonly Word[]
): OptionKind<Word> & { readonly words: readonly Word[] } {
  const parse = (text: string): Word | undefined => words.find((word) => word === text);
  return {
    words,
    placeholder,
    expected: words.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    parse,
    read: (value) => fromText(value, parse),
    show: String,
  };
}

/** In a file there is no directory that it could be relative to. */
export const path: OptionKind<string | undefined> = {
  placeholder: 'path',
  expected: 'a path that begins with / or ~/',
  parse: (text) => (text === '' ? undefined : text),
  read: (value) =>
    fromText(value, (text) =>
      text.startsWith('~/') ? join(homedir(), text.slice(2)) : isAbsolute(text) ? text : undefined,
    ),
  show: (value) => value ?? '',
};

export const listenAddress: OptionKind<ListenAddress | undefined> = {
  placeholder: 'address',
  expected: 'an address such as 127.0.0.1:9570',
  parse: parseListenAddress,
  read: (value) => fromText(value, parseListenAddress),
  show: (value) => (value === undefined ? '' : formatListenAddress(value)),
};

/** Its credentials would be taken for those of the origin. */
export const peerProxy: OptionKind<string | undefined> = {
  placeholder: 'url',
  expected: 'an http URL without credentials and path, such as http://127.0.0.1:4001',
  parse: parsePeerProxy,
  read: (value) => fromText(value, parsePeerProxy),
  show: (value) => value ?? '',
};

export const paths = list(path as OptionKind<string>);
export const schemes = list<string>({
  placeholder: 'scheme',
  expected: 'a scheme',
  parse: parseScheme,
  read: (value) => fromText(value, parseScheme),
  show: String,
});
export const cidrs = list<string>({
  placeholder: 'cidr',
  expected: 'addresses such as 10.0.0.0/8 or fd00::/8',
  parse: parseCidr,
  read: (value) => fromText(value, parseCidr),
  show: String,
});

export const roots = list<string>({
  placeholder: 'url',
  expected: 'SCHEME://HOST/PATH, or NAME=SCHEME://HOST/PATH',
  parse: parseRoot,
  read: (value) => fromText(value, parseRoot),
  show: String,
});

export const headers = list<HeaderOption>(
  {
    placeholder: 'header',
    expected: EXPECTED_HEADER,
    parse: parseHeader,
    read: (value) => fromText(value, parseHeader),
    show: () => '***',
    isSecret: true,
  },
  '\n',
);

export const pluginOptions = list<PluginOptionValue>(
  {
    placeholder: 'option',
    expected: "'NAME.KEY=VALUE'",
    parse: parsePluginOption,
    read: (value) => fromText(value, parsePluginOption),
    show: () => '***',
    isSecret: true,
  },
  '\n',
);

function number(
  placeholder: string,
  expected: string,
  parse: (text: string) => number | undefined,
  show: (value: number) => string,
): OptionKind<number> {
  const read = (value: unknown): number | undefined =>
    typeof value === 'number' ? parse(String(value)) : fromText(value, parse);
  return { placeholder, expected, parse, read, show };
}

function optional<Value>(kind: OptionKind<Value>): OptionKind<Value | undefined> {
  return { ...kind, show: (value) => (value === undefined ? '' : kind.show(value)) };
}

/** In the environment, `separator` stands between the parts. */
function list<Value>(one: OptionKind<Value>, separator = ','): OptionKind<readonly Value[]> {
  const all = (
    values: readonly unknown[],
    read: (value: unknown) => Value | undefined,
  ): Value[] | undefined => {
    const parsed = values.map(read);
    return parsed.every((value) => value !== undefined) ? parsed : undefined;
  };
  return {
    ...one,
    isList: true,
    parse: (text) => all([text], (value) => one.parse(String(value))),
    read: (value) =>
      all(
        typeof value === 'string' ? value.split(separator) : Array.isArray(value) ? value : [value],
        one.read,
      ),
    show: (values) => values.map(one.show).join(separator),
  };
}

function fromText<Value>(value: unknown, parse: (text: string) => Value | undefined): Value | undefined {
  return typeof value === 'string' ? parse(value) : undefined;
}

function parsePeerProxy(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { href, origin, protocol } = new URL(text);
  return href === `${origin}/` && protocol === 'http:' ? origin : undefined;
}

function parseScheme(text: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*$/i.test(text) ? text : undefined;
}

function parseRoot(text: string): string | undefined {
  return rootOption(text) === undefined ? undefined : text;
}

function parseCidr(text: string): string | undefined {
  return isCidr(text) ? text : undefined;
}

/** `[scheme://]host[:port]: Name: value`; a host without a scheme means https, whatever its port. */
function parseHeader(text: string): HeaderOption | undefined {
  // The host may have a port, so the name begins after a colon and a space.
  const match = /^(\S+?)\/?:\s+([!#$%&'*+\-.^_`|~0-9A-Za-z]+):\s*(.*)$/.exec(text);
  const [, host = '', name = '', value = ''] = match ?? [];
  const origin = originOf(host);
  return origin === undefined ? undefined : { origin, name, value };
}

/** Schemes whose options Dragonfly writes as headers, besides http and https. */
const HEADER_SCHEMES = 'https?|webdavs?|davs?|s3|oss|cos|obs|gs|abs|hf|modelscope|opencsg|oras|hdfs';
const ORIGIN = new RegExp(String.raw`^(?:(${HEADER_SCHEMES})://)?([^/?#@\\]+)$`, 'i');

function originOf(text: string): string | undefined {
  const [, scheme = 'https', host = ''] = ORIGIN.exec(text) ?? [];
  const url = `${scheme.toLowerCase()}://${host}`;
  if (host === '' || !URL.canParse(url)) return undefined;
  const { protocol, host: canonical } = new URL(url);
  return `${protocol}//${canonical}`;
}

/** `NAME.KEY=VALUE`. */
function parsePluginOption(text: string): PluginOptionValue | undefined {
  const [, name, key, value = ''] = /^([a-z][a-z0-9]*)\.([^=]+)=(.*)$/s.exec(text) ?? [];
  return name === undefined || key === undefined ? undefined : { name, key, value };
}
