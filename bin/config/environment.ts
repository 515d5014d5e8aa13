/** `D7Y_MOUNT_*`: the options as variables of the environment. */
import { ConfigurationError, type ConfigurationFault } from './configuration-error.js';
import { OPTION_ROWS, variableName } from './option-table.js';
import type { GivenOptions } from './options.js';

const PREFIX = 'D7Y_MOUNT_';

export interface EnvironmentOptions {
  readonly options: GivenOptions;
  /** Kubernetes sets such variables for a service of the name: they are no reason to refuse a start. */
  readonly unknown: readonly string[];
}

export function environmentOptions(environment: Readonly<NodeJS.ProcessEnv>): EnvironmentOptions {
  const names = new Map(OPTION_ROWS.map(([name, row]) => [variableName(name), { name, kind: row.kind }]));
  const options: Record<string, unknown> = {};
  const [unknown, faults]: [string[], ConfigurationFault[]] = [[], []];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || text === undefined) continue;
    const row = names.get(variable);
    if (row === undefined) {
      unknown.push(variable);
      continue;
    }
    const value = row.kind.read(text);
    const found = row.kind.isSecret === true ? 'a value that is not shown' : `'${text}'`;
    if (value === undefined) {
      faults.push({ place: variable, key: '', message: `expected ${row.kind.expected}, found ${found}` });
    }
    options[row.name] = value;
  }
  if (faults.length > 0) throw new ConfigurationError(faults);
  return { options, unknown };
}
