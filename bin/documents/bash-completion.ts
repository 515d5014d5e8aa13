import { allCommands, type CommandFacts } from './command-facts.js';
import { groupsOf, lastName, MADE, MOUNTPOINTS, namesOf } from './completion-parts.js';

export function bashCompletion(root: CommandFacts): string {
  const commands = allCommands(root);
  const groups = groupsOf(root);
  const cases = [
    ...commands.map(
      (command) => `    '${command.name}')
      options='${command.options.flatMap(namesOf).join(' ')}'
      values='${valuesOf(command).join(' ')}'
      words='${wordsOf(root, command.name).join(' ')}'
      ;;`,
    ),
    ...groups.map(({ name }) => `    '${name}') words='${wordsOf(root, name).join(' ')}' ;;`),
  ];
  const names = [...commands.slice(1), ...groups].map(({ name }) => `'${name}'`).join(' | ');
  return `# ${MADE}
_d7y_mount() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command='' next options='' values='' words='' index
  for ((index = 1; index < COMP_CWORD; index += 1)); do
    next="\${command:+$command }\${COMP_WORDS[index]}"
    case $next in ${names}) command=$next ;; esac
  done
  case $command in
${cases.join('\n')}
  esac
  COMPREPLY=()
  case $previous in
${optionCases(commands).join('\n')}
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  case " $values " in
    *' mountpoint '*) mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$(${MOUNTPOINTS})" -- "$current") ;;
    *' directory '*) mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$current") ;;
    *' file '*) mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current") ;;
  esac
}
complete -o filenames -F _d7y_mount d7y-mount
`;
}

/** What follows an option with a value. */
function optionCases(commands: readonly CommandFacts[]): string[] {
  const options = new Map(
    commands.flatMap((command) => command.options).map((option) => [option.long ?? option.short, option]),
  );
  return [...options.values()].flatMap((option) => {
    if (option.value === undefined) return [];
    const { kind, words } = option.value;
    const generated = words.length > 0 ? `-W '${words.join(' ')}'` : kind === 'file' ? '-f' : undefined;
    const completes =
      generated === undefined ? '' : `mapfile -t COMPREPLY < <(compgen ${generated} -- "$current"); `;
    return [`    ${namesOf(option).join(' | ')}) ${completes}return ;;`];
  });
}

/** Of its parameters. */
function valuesOf({ parameters }: CommandFacts): string[] {
  return [...new Set(parameters.map(({ kind }) => kind))].filter((kind) => kind !== 'text');
}

/** The names of the commands below a command. */
function wordsOf(root: CommandFacts, name: string): string[] {
  const command = name === '' ? root : root.commands.find((one) => one.name === name);
  return (command?.commands ?? []).map(lastName);
}
