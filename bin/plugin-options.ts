import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

import { type Command, InvalidArgumentError, Option } from 'commander';

import { formatSize, parseSize } from './quantity.js';
import { taking } from './taking.js';

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

export const DEFAULT_PLUGIN_OPTIONS: PluginOptions = {
  pluginDir: [],
  pluginOption: [],
  pluginOverride: [],
  pluginMemory: 512 * 1024 * 1024,
};

const D = DEFAULT_PLUGIN_OPTIONS;

/** Dragonfly's (pkg/dfpath/dfpath_linux.go). */
const SYSTEM_DIRECTORY = '/usr/local/dragonfly/plugins';

export function addPluginOptions(command: Command): Command {
  const append = (text: string, before: readonly string[]): string[] => [...before, text];
  return command
    .optionsGroup('Plugins:')
    .option('--plugin-dir <path>', 'where plugins are, instead of the default; repeatable', append, [])
    .option('--plugin-option <option>', 'NAME.KEY=VALUE, told to that plugin; repeatable', collectOption, [])
    .option('--plugin-override <scheme>', 'let a plugin serve this in-tree scheme; repeatable', append, [])
    .addOption(
      new Option('--plugin-memory <size>', "the most that a plugin's process may take")
        .argParser(taking(parseSize))
        .default(D.pluginMemory, formatSize(D.pluginMemory)),
    );
}

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

export function collectOption(text: string, before: readonly PluginOptionValue[]): PluginOptionValue[] {
  const match = /^([a-z][a-z0-9]*)\.([^=]+)=(.*)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new InvalidArgumentError("expected 'NAME.KEY=VALUE'");
  }
  return [...before, { name: match[1], key: match[2], value: match[3] ?? '' }];
}
