/** docs/OPTIONS.md, made of the option table: `npm run docs` writes it, and a test compares it. */
import { type AnyRow, longOption, OPTION_GROUPS, OPTION_ROWS, type OptionName } from './option-table.js';

const HEAD = `# Options

<!-- Made of the option table (bin/config/option-table.ts) by \`npm run docs\`. -->

    d7y-mount [options] <mountpoint>
    d7y-mount unmount <mountpoint>
    d7y-mount plugin [--json] [--strict] [plugin options]
    d7y-mount doctor [--json] [--verbose] [--bundle FILE] [URL|MOUNTPOINT…]
    d7y-mount config check [FILE]                          reports faults, with exit code 1
    d7y-mount config show [--origin]                       the effective values, and where each comes from
    d7y-mount config path                                  which files are looked for
    d7y-mount path URL [MOUNTPOINT]                        the path that shows a URL
    d7y-mount url PATH                                     the URL that a path shows

A SIZE is a number with \`KiB\`, \`MiB\`, \`GiB\`, \`TiB\`, or without a unit (bytes). A DURATION is a number with \`ms\`, \`s\`,
\`m\`, \`h\` or \`d\`.
On the command line of mount(8) and in fstab each option is written with \`_\` for \`-\`: \`-o cache_size=50GiB\`.
In a [configuration file](CONFIGURATION.md) \`--cache-size\` is \`cacheSize\`, in the environment \`D7Y_MOUNT_CACHE_SIZE\`. What
\`--no-exec\` and \`--no-passthrough\` turn off is on otherwise: \`exec: false\` and \`D7Y_MOUNT_EXEC=false\` are the same. A list is a
list in a file, and has commas in the environment; several headers and options of plugins stand there on a line each.
Later places win: files, then the environment, then the command line.
`;

const FLAGS_ROW =
  '| `-o a,b=c` | the same options, as mount(8) and fstab pass them ([Mounting and unmounting](SEMANTICS.md#mounting-and-unmounting)) | |';

export function optionsDocument(): string {
  const sections = OPTION_GROUPS.map((group) => {
    const rows = OPTION_ROWS.filter(([, row]) => row.group === group).map(([name, row]) => rowOf(name, row));
    if (group === 'Mount') rows.push(FLAGS_ROW);
    return [`## ${group}`, '', '| option | meaning | default |', '|---|---|---|', ...rows].join('\n');
  });
  return `${[HEAD, ...sections].join('\n')}\n`.replaceAll('\n## ', '\n\n## ').replaceAll('\n\n\n', '\n\n');
}

function rowOf(name: OptionName, row: AnyRow): string {
  const { kind, short, meaning = row.help } = row;
  const long = longOption(name, row);
  const shown = 'words' in kind ? (kind.words as readonly string[]).join(String.raw`\|`) : upperCase(kind);
  const option = kind.placeholder === undefined ? long : `${long} ${shown}`;
  const names = short === undefined ? `\`${option}\`` : `\`${short}\`, \`${option}\``;
  return `| ${names} | ${meaning} | ${row.defaultText ?? defaultOf(row)} |`;
}

function upperCase({ placeholder = '' }: AnyRow['kind']): string {
  return placeholder.toUpperCase();
}

function defaultOf({ kind, default: value }: AnyRow): string {
  if (kind.placeholder === undefined) return 'off';
  return kind.isList === true ? 'none' : `\`${kind.show(value)}\``;
}
