/** The schema of a configuration file: the options of the table, and what only a file can say. */
import * as v from 'valibot';

import { isCidr } from '../../src/source/address-policy.js';
import { SETTINGS_SCHEMAS } from '../../src/source/settings-schemas.js';
import { optional, parsed, type Schema, secret, section } from '../../src/source/settings-parts.js';
import type { ConfiguredScheme } from '../../src/source/settings.js';
import { type AnyRow, OPTION_ROWS, type OptionName } from './option-table.js';

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

const options: Record<string, Schema<unknown>> = Object.fromEntries(
  OPTIONS.map(([name, { kind }]: readonly [OptionName, AnyRow]) => [name, parsed(kind.expected, kind.read)]),
);

/** All keys that may stand in a file, at the top. */
export const FILE_SCHEMA = section({
  ...Object.fromEntries(Object.entries(options).map(([name, schema]) => [name, optional(schema)])),
  // Each rule has the schema of its scheme.
  sources: optional(v.array(v.unknown(), 'expected a list of rules')),
  plugins: optional(
    v.record(v.string(), v.record(v.string(), secret, 'expected a mapping'), 'expected a mapping'),
  ),
  policy: optional(section({ allow: optional(v.array(allow, list)), deny: optional(v.array(deny, list)) })),
});

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
