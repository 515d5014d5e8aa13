/** What the man page and the completions of shells say of a command: read from the command line's own definition. */
import type { Argument, Command, Option } from 'commander';

export interface CommandFacts {
  /** `config check`; empty: the mount itself. */
  readonly name: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly options: readonly OptionFacts[];
  /** The commands of a command such as `config`. */
  readonly commands: readonly CommandFacts[];
}

/** What can stand for a value, for a completion. */
export type ValueKind = 'file' | 'directory' | 'mountpoint' | 'text';

export interface Parameter {
  readonly name: string;
  readonly isRequired: boolean;
  readonly kind: ValueKind;
}

export interface OptionFacts {
  readonly short: string | undefined;
  readonly long: string | undefined;
  /** Undefined: it has no value. */
  readonly value:
    | { readonly name: string; readonly kind: ValueKind; readonly words: readonly string[] }
    | undefined;
  readonly help: string;
  /** As `--help` shows it. */
  readonly defaultText: string | undefined;
  readonly group: string;
}

export function factsOf(command: Command, parentName?: string): CommandFacts {
  const name = parentName === undefined ? '' : `${parentName} ${command.name()}`.trim();
  return {
    name,
    description: command.description(),
    parameters: command.registeredArguments.map((argument) => parameterOf(argument, name)),
    options: command.options.filter(({ hidden }) => !hidden).map(optionOf),
    commands: command.commands.map((one) => factsOf(one, name)),
  };
}

/** All commands that can be run, the mount first. */
export function allCommands(facts: CommandFacts): CommandFacts[] {
  const below = facts.commands.flatMap(allCommands);
  return facts.name !== '' && below.length > 0 ? below : [facts, ...below];
}

/** `[mountpoint]`, `URL`. */
export function shownParameter({ name, isRequired }: Parameter): string {
  return isRequired ? name : `[${name}]`;
}

function parameterOf(argument: Argument, command: string): Parameter {
  const name = argument.name();
  // The mount's own is a directory; that of a command is a mount that stands.
  const mountpoint = command === '' || command === 'path' ? 'directory' : 'mountpoint';
  const kind = name === 'mountpoint' ? mountpoint : kindOf(name);
  return { name: argument.variadic ? `${name}...` : name, isRequired: argument.required, kind };
}

function kindOf(name: string): ValueKind {
  return name === 'path' || name === 'file' ? 'file' : name === 'directory' ? 'directory' : 'text';
}

function optionOf(option: Option): OptionFacts {
  const { short, long, description, argChoices, defaultValue, defaultValueDescription } = option;
  const name = /[<[]([^>\]]*)[>\]]/.exec(option.flags)?.[1];
  const isShown = name !== undefined && defaultValueDescription !== undefined;
  const isChoice = name !== undefined && argChoices !== undefined && defaultValue !== undefined;
  return {
    short,
    long,
    value: name === undefined ? undefined : { name, kind: kindOf(name), words: argChoices ?? [] },
    help: description,
    defaultText: isShown ? defaultValueDescription : isChoice ? String(defaultValue) : undefined,
    group: option.helpGroupHeading ?? '',
  };
}
