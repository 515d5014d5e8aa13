import { allCommands, type CommandFacts, type OptionFacts, type ValueKind } from './command-facts.js';
import { groupsOf, lastName, MADE, MOUNTPOINTS, namesOf, quoted } from './completion-parts.js';

export function zshCompletion(root: CommandFacts): string {
  return `#compdef d7y-mount
# ${MADE}
_d7y_mount_mountpoints() {
  local -a mountpoints=(\${(f)"$(${MOUNTPOINTS})"})
  _describe mountpoint mountpoints
}
${[...allCommands(root).map(commandFunction), ...groupsOf(root).map(groupFunction)].join('\n')}
_d7y_mount() {
  local -a commands=(
${described(root.commands)}
  )
  if (( CURRENT > 2 )) && (( $+functions[_d7y_mount_\${words[2]//-/_}] )); then
    shift words
    (( CURRENT -= 1 ))
    _d7y_mount_\${words[1]//-/_}
    return
  fi
  if [[ $PREFIX != -* ]] && (( CURRENT == 2 )); then _describe command commands; fi
  _d7y_mount_
}
_d7y_mount "$@"
`;
}

function commandFunction(command: CommandFacts): string {
  const specifications = [
    ...command.options.flatMap(optionSpecifications),
    ...command.parameters.map(
      ({ name, isRequired, kind }, index) =>
        `${index + 1}:${isRequired ? '' : ':'}${name.replace('...', '')}:${actionOf(kind)}`,
    ),
  ];
  const lines = specifications.map((one) => `    ${quoted(one)}`).join(' \\\n');
  return `_d7y_mount_${command.name.replaceAll(/[ -]/g, '_')}() {
  _arguments -s \\\n${lines || "    '*:: :'"}
}`;
}

function groupFunction({ name, commands }: CommandFacts): string {
  return `_d7y_mount_${name}() {
  local -a commands=(
${described(commands)}
  )
  if (( CURRENT == 2 )); then _describe command commands
  elif (( $+functions[_d7y_mount_${name}_$words[2]] )); then
    shift words
    (( CURRENT -= 1 ))
    _d7y_mount_${name}_$words[1]
  fi
}`;
}

function described(commands: readonly CommandFacts[]): string {
  return commands.map((one) => `    ${quoted(`${lastName(one)}:${one.description}`)}`).join('\n');
}

function optionSpecifications(option: OptionFacts): string[] {
  const { value, help } = option;
  const shown = help.replaceAll(/[[\]:]/g, String.raw`\$&`);
  const action = value === undefined ? '' : `:${value.name}:${valueAction(value)}`;
  return namesOf(option).map((name) => `*${name}[${shown}]${action}`);
}

function valueAction({ kind, words }: NonNullable<OptionFacts['value']>): string {
  return words.length > 0 ? `(${words.join(' ')})` : actionOf(kind);
}

function actionOf(kind: ValueKind): string {
  if (kind === 'mountpoint') return '_d7y_mount_mountpoints';
  return kind === 'file' ? '_files' : kind === 'directory' ? '_files -/' : ' ';
}
