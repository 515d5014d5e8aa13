import { allCommands, type CommandFacts, type OptionFacts } from './command-facts.js';
import { groupsOf, lastName, MADE, MOUNTPOINTS, quoted } from './completion-parts.js';

export function fishCompletion(root: CommandFacts): string {
  const lines = root.commands.map(
    ({ name, description }) => `-n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
  );
  for (const group of groupsOf(root)) {
    for (const one of group.commands) {
      const own = `-a ${lastName(one)} -d ${quoted(one.description)}`;
      lines.push(`-n '__fish_seen_subcommand_from ${group.name}' ${own}`);
    }
  }
  for (const command of allCommands(root)) {
    const last = lastName(command);
    const where =
      command.name === '' ? '-n __fish_use_subcommand' : `-n '__fish_seen_subcommand_from ${last}'`;
    for (const option of command.options) lines.push(`${where} ${fishOption(option)}`);
    const kinds = new Set(command.parameters.map(({ kind }) => kind));
    if (kinds.has('mountpoint')) lines.push(`${where} -a ${quoted(`(${MOUNTPOINTS})`, '"')}`);
    if (kinds.has('directory')) lines.push(`${where} -a '(__fish_complete_directories)'`);
    if (kinds.has('file')) lines.push(`${where} -F`);
  }
  return `# ${MADE}\ncomplete -c d7y-mount -f\n${lines.map((line) => `complete -c d7y-mount ${line}\n`).join('')}`;
}

function fishOption({ short, long, value, help }: OptionFacts): string {
  const names = [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
  ];
  const { kind = 'text', words = [] } = value ?? {};
  const argument =
    value === undefined
      ? ''
      : words.length > 0
        ? ` -x -a '${words.join(' ')}'`
        : kind === 'file'
          ? ' -r -F'
          : ' -x';
  return `${names.join(' ')}${argument} -d ${quoted(help)}`;
}
