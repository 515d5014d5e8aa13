/** `d7y-mount config check|show|path`: the configuration that a mount would have. */
import process from 'node:process';

import { stringify } from 'yaml';

import { safeLines } from '../src/source/safe-text.js';
import { configFiles, SYSTEM_FILE } from './config/config-files.js';
import { ConfigurationError } from './config/configuration-error.js';
import type { Configuration } from './config/configuration.js';
import { environmentOptions } from './config/environment.js';
import { withFittingMemory } from './fitting-memory.js';
import { loadConfiguration } from './config/load-configuration.js';
import type { OptionKind } from './config/option-kinds.js';
import { OPTION_ROWS } from './config/option-table.js';
import type { GivenOptions } from './config/options.js';
import { missingSecrets } from './config/missing-secrets.js';

/** Prints the faults. Resolves to the exit code: 1 if there are some. */
export async function checkConfiguration(given: GivenOptions, file: string | undefined): Promise<number> {
  try {
    const found = await loadConfiguration(file === undefined ? given : { ...given, config: file });
    for (const path of found.files) process.stdout.write(`${path}: no faults\n`);
    if (found.files.length === 0) process.stdout.write('there is no configuration file\n');
    const warnings = [...found.warnings, ...(await missingSecrets(found.rules))];
    for (const warning of warnings) process.stderr.write(`warning: ${safeLines(warning)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${safeLines(error.message)}\n`);
    return 1;
  }
}

/** Prints the effective values, as a file, with secrets as `***`. */
export async function showConfiguration(given: GivenOptions, withOrigin: boolean): Promise<void> {
  const found = withFittingMemory(await loadConfiguration(given));
  const lines = [...optionLines(found), ...sectionLines(found), ...listLines('sources', found.shown.rules)];
  if (found.shown.plugins.length > 0) lines.push({ text: 'plugins:' });
  for (const { value, origin } of found.shown.plugins) {
    for (const [name, options] of Object.entries(value as object)) {
      lines.push({ text: `  ${name}: ${inOneLine(options)}`, origin });
    }
  }
  const { allow, deny } = found.policy;
  if (allow.length + deny.length > 0) {
    lines.push({ text: 'policy:' });
    for (const [name, rules] of Object.entries({ deny, allow })) {
      const shown = rules.map(({ origin, addresses, ...rule }) => ({
        value: addresses === undefined ? rule : { ...rule, address: addresses },
        origin,
      }));
      lines.push(...listLines(name, shown).map((line) => ({ ...line, text: `  ${line.text}` })));
    }
  }
  for (const { text, origin } of lines) {
    process.stdout.write(withOrigin && origin !== undefined ? `${text} # ${origin}\n` : `${text}\n`);
  }
}

interface Line {
  readonly text: string;
  readonly origin?: string;
}

function optionLines({ options, origins }: Configuration): Line[] {
  return OPTION_ROWS.flatMap(([name, { kind, isOfStart, inFile }]) => {
    const value: unknown = options[name];
    // Of a start; or without a value; or shown with its section.
    if (isOfStart === true || value === undefined || inFile !== undefined) return [];
    const shown =
      kind.isList === true ? value : kind.placeholder === undefined ? value : written(kind, value);
    return [{ text: `${name}: ${inOneLine(shown)}`, origin: origins[name] ?? 'default' }];
  });
}

function sectionLines({ options, origins }: Configuration): Line[] {
  const bySection = new Map<string, Line[]>();
  for (const [name, { kind, inFile: [section, key] = [] }] of OPTION_ROWS) {
    const value: unknown = options[name];
    if (section === undefined || value === undefined) continue;
    const line = { text: `  ${key}: ${inOneLine(written(kind, value))}`, origin: origins[name] ?? 'default' };
    bySection.set(section, [...(bySection.get(section) ?? []), line]);
  }
  return [...bySection].flatMap(([section, lines]) => [{ text: `${section}:` }, ...lines]);
}

/** As a number where the option takes one. */
function written({ read, show }: OptionKind<unknown>, value: unknown): unknown {
  const text = show(value);
  return read(Number(text)) === value ? Number(text) : text;
}

function listLines(
  name: string,
  rows: readonly { readonly value: unknown; readonly origin: string }[],
): Line[] {
  if (rows.length === 0) return [];
  return [
    { text: `${name}:` },
    ...rows.map(({ value, origin }) => ({ text: `  - ${inOneLine(value)}`, origin })),
  ];
}

function inOneLine(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

/** Prints which files are looked for. */
export async function listConfigFiles(given: GivenOptions): Promise<void> {
  const config = given.config ?? environmentOptions(process.env).options.config;
  for (const { path, exists } of await configFiles(config, process.env)) {
    process.stdout.write(`${path}${exists ? '' : ' (missing)'}\n`);
  }
  if (config === undefined) {
    process.stderr.write(
      `and ${SYSTEM_FILE.replace('config.yaml', 'config.d/*.yaml')} before the last one\n`,
    );
  }
}
