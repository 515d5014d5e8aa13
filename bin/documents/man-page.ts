/** The manual page d7y-mount(1), in the macros of man(7). */
import { variableName, OPTION_ROWS } from '../config/option-table.js';
import { version } from '../version.js';
import { allCommands, type CommandFacts, type OptionFacts, shownParameter } from './command-facts.js';

const DESCRIPTION = `mounts remote resources as read-only files: the file
.IR mountpoint /<scheme>/<host>/<path>
is the resource <scheme>://<host>/<path>.
It goes to the background once the mount is ready.
Promises and errors of the file system are in docs/SEMANTICS.md, credentials and rules for hosts in docs/CONFIGURATION.md,
operation in docs/OPERATING.md.`;

const QUANTITIES = `A
.I size
is a number with KiB, MiB, GiB, TiB, or without a unit (bytes).
A
.I duration
is a number with ms, s, m, h or d.
With
.B \\-o
and in
.BR fstab (5)
each option is written with _ for \\-, as in
.BR cache_size=50GiB .`;

export function manPage(root: CommandFacts): string {
  const groups = [...new Set(root.options.map(({ group }) => group))];
  const sections = [
    section('NAME', ['d7y\\-mount \\- mount remote resources as read-only files']),
    section('SYNOPSIS', allCommands(root).flatMap(synopsis)),
    section('DESCRIPTION', ['.B d7y\\-mount', DESCRIPTION]),
    section('COMMANDS', allCommands(root).slice(1).flatMap(commandLines)),
    section('OPTIONS', [
      QUANTITIES,
      ...groups.flatMap((group) => [
        ...(group === '' ? [] : [`.SS ${escaped(group.replace(/:$/, ''))}`]),
        ...root.options.filter((option) => option.group === group).flatMap(optionLines),
      ]),
    ]),
    section('ENVIRONMENT', [
      'Each option of a mount has a variable; options of the command line count before them:',
      ...OPTION_ROWS.map(([name]) => `.br\n.B ${variableName(name)}`),
    ]),
    section('FILES', [
      '.TP\n.I /etc/d7y\\-mount/config.yaml\nThe configuration of all mounts.',
      '.TP\n.I ~/.config/d7y\\-mount/config.yaml\nThat of the user.',
    ]),
    section('SEE ALSO', ['.BR mount (8),\n.BR fuse (4),\n.BR fstab (5)']),
  ];
  return [
    String.raw`.\" Made of the command line by npm run docs.`,
    `.TH D7Y\\-MOUNT 1 "" "d7y\\-mount ${version()}" "User Commands"`,
    ...sections,
    '',
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string {
  return [`.SH ${title}`, ...lines].join('\n');
}

function synopsis({ name, parameters, options }: CommandFacts): string[] {
  const words = [
    ...(options.length > 0 ? ['[options]'] : []),
    ...parameters.filter((one) => name !== '' || one.isRequired).map(shownParameter),
  ];
  const shown = words.map((word) => `\\fI${escaped(word)}\\fR`).join(' ');
  const line = `\\fB${escaped(`d7y-mount ${name}`.trim())}\\fR ${shown}`.trimEnd();
  return name === '' ? [line] : ['.br', line];
}

function commandLines({ name, parameters, description, options }: CommandFacts): string[] {
  const shown = parameters.map((one) => ` \\fI${escaped(shownParameter(one))}\\fR`).join('');
  const own = options.length === 0 ? [] : ['.RS', ...options.flatMap(optionLines), '.RE'];
  return ['.TP', `\\fB${escaped(name)}\\fR${shown}`, sentence(description), ...own];
}

function optionLines({ short, long, value, help, defaultText }: OptionFacts): string[] {
  const names = [short, long].filter((name) => name !== undefined).map((name) => `\\fB${escaped(name)}\\fR`);
  const shown = value === undefined ? '' : ` \\fI${escaped(value.words.join('|') || value.name)}\\fR`;
  const suffix = defaultText === undefined ? '' : ` (default: ${defaultText})`;
  return ['.TP', `${names.join(', ')}${shown}`, sentence(`${help}${suffix}`)];
}

function sentence(text: string): string {
  return `${escaped(text.charAt(0).toUpperCase() + text.slice(1))}.`;
}

/** A line that begins with a dot or a quote would be a request. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^[.']/, String.raw`\&$&`);
}
