/** The schema of a configuration file: the options of the table, and what only a file can say. */
import * as v from 'valibot';

import { isCidr } from '../../src/source/address-policy.js';
import { SETTINGS_SCHEMAS } from '../../src/source/settings-schemas.js';
import { optional, parsed, type Schema, secret, section } from '../../src/source/settings-parts.js';
import type { ConfiguredScheme } from '../../src/source/settings.js';
import { OPTION_ROWS, OPTION_TABLE, type OptionName } from './option-table.js';
import type { GivenOptions } from './options.js';

export const SCHEMES = Object.keys(SETTINGS_SCHEMAS) as ConfiguredScheme[];

const scheme = parsed('a scheme', (value) => (typeof value === 'string' ? value : undefined));
const host = parsed(
  'a host such as files.example or files.example:8443, or a pattern such as *.example.com',
  (value) => (typeof value === 'string' && /^[^/?#@\s]+$/.test(value) ? value : undefined),
);
const cidrs = parsed('an address such as 10.0.0.0/8, or a list of them', (value) => {
  const all = Array.isArray(value) ? value : [value];
  return all.every((one) => typeof one === 'string' && isCidr(one)) ? (all as string[]) : undefined;
});

export const MATCH_SCHEMA = section({
  scheme: optional(oneOrMore(scheme)),
  host: optional(oneOrMore(host)),
  path: optional(
    parsed('a path that begins with /', (value) =>
      typeof value === 'string' && value.startsWith('/') ? value : undefined,
    ),
  ),
});

const POLICY = { scheme: optional(scheme), host: optional(host), address: optional(cidrs) };
const deny = v.pipe(
  section(POLICY),
  v.check((rule) => Object.keys(rule).length > 0, 'expected scheme, host or address'),
);
/** A scheme alone would lift no default rule. */
const allow = v.pipe(
  section(POLICY),
  v.check((rule) => 'host' in rule || 'address' in rule, 'expected host or address'),
);
const list = 'expected a list of rules';

/** The options of the table that have a place in a file. */
const OPTIONS = OPTION_ROWS.filter(([, row]) => row.isOfStart !== true);

/** By where they stand: at the top, or in a section. */
const options: Record<string, Schema<unknown>> = {};
const sections: Record<string, Record<string, Schema<unknown>>> = {};
for (const [name, { kind, inFile }] of OPTIONS) {
  const schema = parsed(kind.expected, kind.read);
  if (inFile === undefined) options[name] = schema;
  else (sections[inFile[0]] ??= {})[inFile[1]] = schema;
}

/** The place of an option in a file. */
export function placeOf(name: OptionName): readonly string[] {
  return OPTION_TABLE[name].inFile ?? [name];
}

/** The options that a checked file gives, by their names. */
export function optionsIn(content: Readonly<Record<string, unknown>>): GivenOptions {
  const given: Record<string, unknown> = {};
  for (const [name] of OPTIONS) {
    let value: unknown = content;
    for (const key of placeOf(name)) value = (value as Record<string, unknown> | undefined)?.[key];
    if (value !== undefined) given[name] = value;
  }
  return given;
}

/** All keys that may stand in a file, at the top. */
export const FILE_SCHEMA = section({
  ...optionals(options),
  ...Object.fromEntries(
    Object.entries(sections).map(([name, schemas]) => [name, optional(section(optionals(schemas)))]),
  ),
  // Each rule has the schema of its scheme.
  sources: optional(v.array(v.unknown(), 'expected a list of rules')),
  plugins: optional(
    v.record(v.string(), v.record(v.string(), secret, 'expected a mapping'), 'expected a mapping'),
  ),
  policy: optional(section({ allow: optional(v.array(allow, list)), deny: optional(v.array(deny, list)) })),
});

function optionals(schemas: Readonly<Record<string, Schema<unknown>>>): Record<string, Schema<unknown>> {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, optional(schema)]));
}

/** A list, or one. */
function oneOrMore<Output>(schema: Schema<Output>): Schema<Output[]> {
  return v.lazy((given) =>
    Array.isArray(given)
      ? v.array(schema)
      : v.pipe(
          schema,
          v.transform((one) => [one]),
        ),
  );
}
