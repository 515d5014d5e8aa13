import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

/** One option of one plugin. */
export interface PluginOptionValue {
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

export interface PluginOptions {
  /** Empty: the default directories. */
  readonly pluginDir: readonly string[];
  readonly pluginOption: readonly PluginOptionValue[];
  readonly pluginOverride: readonly string[];
  /** Bytes. */
  readonly pluginMemory: number;
}

/** Dragonfly's (pkg/dfpath/dfpath_linux.go). */
const SYSTEM_DIRECTORY = '/usr/local/dragonfly/plugins';

/** The directories that are looked through. Root's own, and for an ordinary user those in the home directory too. */
export function pluginDirectories(given: readonly string[]): string[] {
  if (given.length > 0) return given.map((directory) => resolve(directory));
  if (process.getuid?.() === 0) return [SYSTEM_DIRECTORY];
  return [join(homedir(), '.dragonfly', 'plugins'), SYSTEM_DIRECTORY];
}

/** The options of each plugin by its name. */
export function optionsByPlugin(given: readonly PluginOptionValue[]): Record<string, Record<string, string>> {
  const result: Record<string, Record<string, string>> = {};
  for (const { name, key, value } of given) result[name] = { ...result[name], [key]: value };
  return result;
}
