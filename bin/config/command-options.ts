/** The options of the command line, made of the option table. */
import { type Command, InvalidArgumentError, Option } from 'commander';

import { safeLines } from '../../src/source/safe-text.js';
import type { OptionKind } from './option-kinds.js';
import { type AnyRow, longOption, OPTION_GROUPS, OPTION_ROWS, type OptionName } from './option-table.js';
import type { GivenOptions } from './options.js';

/** The options of the mount command, with their defaults as `--help` shows them. */
export function addMountOptions(command: Command): Command {
  for (const group of OPTION_GROUPS) {
    command.optionsGroup(`${group}:`);
    for (const [name, row] of OPTION_ROWS)
      if (row.group === group) command.addOption(commandOption(name, row));
    if (group === 'Mount') addFlagsOption(command);
  }
  return command.configureOutput({ outputError: (text, write) => write(safeLines(withoutSecrets(text))) });
}

function addFlagsOption(command: Command): void {
  command.option(
    '-o <options>',
    'options as mount(8) passes them: a,b=c',
    (text, all: string[]) => [...all, text],
    [],
  );
}

/** What the command line gives: not the defaults. */
export function givenOptions(command: Command): GivenOptions {
  const all = command.opts<Record<string, unknown>>();
  return Object.fromEntries(
    OPTION_ROWS.flatMap(([name]) =>
      command.getOptionValueSource(name) === 'cli' ? [[name, all[name]]] : [],
    ),
  );
}

function commandOption(name: OptionName, row: AnyRow): Option {
  const { kind, short, help } = row;
  const long = longOption(name, row);
  const flags = `${short === undefined ? '' : `${short}, `}${long}`;
  if (kind.placeholder === undefined) {
    const option = new Option(flags, help);
    return row.default === true ? option : option.default(false);
  }
  const option = new Option(`${flags} <${kind.placeholder}>`, help);
  if (kind.isList === true) return option.argParser(listParser(kind)).default([]);
  // Commander's own parser of choices says which there are.
  if ('words' in kind) option.choices(kind.words as readonly string[]);
  else option.argParser(argumentParser(kind));
  return row.default === undefined ? option : option.default(row.default, kind.show(row.default));
}

/** Names what was expected and what was found. Commander adds the name of the option. */
export function argumentParser<Value>(kind: OptionKind<Value>): (text: string) => Value {
  return (text) => {
    const value = kind.parse(text);
    if (value !== undefined) return value;
    const found = kind.isSecret === true ? '' : `, got '${text}'`;
    throw new InvalidArgumentError(`expected ${kind.expected}${found}`);
  };
}

function listParser(kind: OptionKind<unknown>): (text: string, before: unknown) => unknown {
  const parse = argumentParser(kind);
  return (text, before) => [...(before as unknown[]), ...(parse(text) as unknown[])];
}

/** A usage error, without the values that may be secrets, and without a `?`, which `safeLines` takes for a query. */
export function withoutSecrets(text: string): string {
  return text
    .replace(
      /(option '(?:--header|--plugin-option|-o)\b[^']*') argument '[\s\S]*' is invalid/,
      '$1 argument is invalid',
    )
    .replace(/(unknown option '[^'=]*)=[\s\S]*'/, "$1=…'")
    .replace(/\n\(Did you mean (?:one of )?([^?]*)\?\)/, '; similar: $1');
}
