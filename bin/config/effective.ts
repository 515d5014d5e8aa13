/** The configuration that a mount has, without secrets: `config show`, `/.d7y/config.yaml` and `/v1/config`. */
import type { Configuration, ShownPart } from './configuration.js';
import type { OptionKind } from './option-kinds.js';
import { OPTION_ROWS } from './option-table.js';

/** Each part with the place that it comes from. */
export interface EffectiveConfiguration {
  readonly files: readonly string[];
  readonly options: Readonly<Record<string, ShownPart>>;
  readonly sources: readonly ShownPart[];
  readonly plugins: Readonly<Record<string, ShownPart>>;
  readonly policy: { readonly deny: readonly ShownPart[]; readonly allow: readonly ShownPart[] };
}

export function effectiveConfiguration(found: Configuration): EffectiveConfiguration {
  const { allow, deny } = found.policy;
  const shown = (rules: typeof allow): ShownPart[] =>
    rules.map(({ origin, addresses, ...rule }) => ({
      value: addresses === undefined ? rule : { ...rule, address: addresses },
      origin,
    }));
  return {
    files: found.files,
    options: Object.fromEntries(optionsOf(found)),
    sources: found.shown.rules,
    plugins: Object.fromEntries(
      found.shown.plugins.flatMap(({ value, origin }) =>
        Object.entries(value as object).map(([name, options]) => [
          name,
          { value: options as unknown, origin },
        ]),
      ),
    ),
    policy: { deny: shown(deny), allow: shown(allow) },
  };
}

/** As a configuration file. `write`: a value on one line, in YAML, which JSON is. */
export function effectiveFile(
  found: Configuration,
  withOrigin: boolean,
  write: Write = JSON.stringify,
): string {
  const { options, sources, plugins, policy } = effectiveConfiguration(found);
  const { deny, allow } = policy;
  const lines = [
    ...optionLines(options, write),
    ...listLines('', 'sources', sources, write),
    ...headed(
      'plugins:',
      Object.entries(plugins).map((part) => namedLine('  ', part, write)),
    ),
    ...headed('policy:', [
      ...listLines('  ', 'deny', deny, write),
      ...listLines('  ', 'allow', allow, write),
    ]),
  ];
  return lines
    .map(({ text, origin }) => (withOrigin && origin !== undefined ? `${text} # ${origin}\n` : `${text}\n`))
    .join('');
}

/** Those of a section stand below its name. */
function optionLines(options: EffectiveConfiguration['options'], write: Write): Line[] {
  const sections = new Map<string, Line[]>();
  const lines: Line[] = [];
  for (const [name, row] of OPTION_ROWS) {
    const part = options[name];
    if (part === undefined) continue;
    const [section, key = name] = row.inFile ?? [];
    if (section === undefined) lines.push(namedLine('', [name, part], write));
    else sections.set(section, [...(sections.get(section) ?? []), namedLine('  ', [key, part], write)]);
  }
  return [...lines, ...[...sections].flatMap(([section, below]) => headed(`${section}:`, below))];
}

type Write = (value: unknown) => string;

interface Line {
  readonly text: string;
  readonly origin?: string;
}

function optionsOf({ options, origins }: Configuration): [string, ShownPart][] {
  return OPTION_ROWS.flatMap(([name, { kind, isOfStart }]) => {
    const value: unknown = options[name];
    // Of a start; or without a value.
    if (isOfStart === true || value === undefined) return [];
    const shown =
      kind.isList === true ? value : kind.placeholder === undefined ? value : written(kind, value);
    return [[name, { value: shown, origin: origins[name] ?? 'default' }]];
  });
}

/** As a number where the option takes one. */
function written({ read, show }: OptionKind<unknown>, value: unknown): unknown {
  const text = show(value);
  return read(Number(text)) === value ? Number(text) : text;
}

function namedLine(
  indent: string,
  [name, { value, origin }]: readonly [string, ShownPart],
  write: Write,
): Line {
  return { text: `${indent}${name}: ${write(value)}`, origin };
}

function listLines(indent: string, name: string, rows: readonly ShownPart[], write: Write): Line[] {
  const lines = rows.map(({ value, origin }) => ({ text: `${indent}  - ${write(value)}`, origin }));
  return headed(`${indent}${name}:`, lines);
}

function headed(head: string, lines: readonly Line[]): Line[] {
  return lines.length === 0 ? [] : [{ text: head }, ...lines];
}
