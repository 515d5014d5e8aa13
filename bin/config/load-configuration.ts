/** The configuration of all places: defaults, files, the environment, the command line. What comes later wins. */
import process from 'node:process';

import type { SourceRule } from '../../src/source/source-rules.js';
import { optionsByPlugin } from '../plugin-options.js';
import { type ConfigFile, configFiles, readConfigFile } from './config-files.js';
import { ConfigurationError } from './configuration-error.js';
import type { Configuration, FileContent, ShownConfiguration, ShownPart } from './configuration.js';
import { environmentOptions } from './environment.js';
import { headerRules } from './header-rules.js';
import { DEFAULT_OPTIONS, longOption, OPTION_ROWS, type OptionName, variableName } from './option-table.js';
import type { GivenOptions, MountOptions } from './options.js';

/** `given`: of the command line. Rejects with a `ConfigurationError`. */
export async function loadConfiguration(
  given: GivenOptions,
  environment: Readonly<NodeJS.ProcessEnv> = process.env,
  systemFile?: string,
): Promise<Configuration> {
  const { options: ofEnvironment, unknown } = environmentOptions(environment);
  const files = await configFiles(given.config ?? ofEnvironment.config, environment, systemFile);
  const contents = await readAll(files, environment);
  const origins: Partial<Record<OptionName, string>> = {};
  const options: Record<string, unknown> = { ...DEFAULT_OPTIONS };
  const layers = [
    ...contents.map((content) => ({
      own: content.options,
      originOf: (name: OptionName) => `${content.path}:${content.lineOf(name)}`,
    })),
    { own: ofEnvironment, originOf: variableName },
    { own: given, originOf: commandLineName },
  ];
  for (const { own, originOf } of layers) {
    for (const [name, value] of Object.entries(own) as [OptionName, unknown][]) {
      options[name] = value;
      origins[name] = originOf(name);
    }
  }
  const all = options as unknown as MountOptions;
  // Of equal rules the first counts: those of later places go before.
  const rules = [
    ...(await ownHeaderRules(all)),
    ...contents.toReversed().flatMap((content) => content.rules),
  ];
  return {
    options: all,
    origins,
    rules,
    policy: {
      allow: contents.flatMap(({ policy }) => policy.allow),
      deny: contents.flatMap(({ policy }) => policy.deny),
    },
    plugins: mergedPlugins([...contents.map(({ plugins }) => plugins), optionsByPlugin(all.pluginOption)]),
    shown: shownOf(contents, all),
    files: contents.map(({ path }) => path),
    warnings: [
      ...contents.flatMap(({ warnings }) => warnings),
      ...withoutProxy(all, rules),
      ...withoutScope(rules),
      ...unknown.map((name) => `the environment has ${name}, which is no option`),
    ],
  };
}

/** Rules that mean a cluster which is not there. */
function withoutProxy({ p2pProxy }: MountOptions, rules: readonly SourceRule[]): string[] {
  if (p2pProxy !== undefined) return [];
  const places = rules.flatMap(({ settings, origin }) => ('p2p' in settings && settings.p2p ? [origin] : []));
  return [...new Set(places)].map(
    (place) => `${place}: p2p has no effect, since p2p.proxy names no dfdaemon`,
  );
}

/** Rules whose content is never read by way of a cluster (docs/P2P.md). Another rule may give the scope of theirs. */
function withoutScope(rules: readonly SourceRule[]): string[] {
  if (rules.some(({ settings }) => 'shareScope' in settings)) return [];
  return rules.flatMap(({ settings, origin }) => {
    if (!('p2p' in settings && settings.p2p)) return [];
    const { headers } = settings;
    const credentials = 'credentials' in settings ? settings.credentials : undefined;
    const isOpen = headers === undefined && (credentials === undefined || credentials.kind === 'anonymous');
    return isOpen ? [] : [`${origin}: p2p has no effect, since its credentials need a shareScope`];
  });
}

function shownOf(
  contents: readonly FileContent[],
  { header, pluginOption }: MountOptions,
): ShownConfiguration {
  const ofCommandLine = pluginOption.map(({ name, key }) => ({
    value: { [name]: { [key]: '***' } },
    origin: '--plugin-option',
  }));
  const plugins = new Map<string, ShownPart>();
  for (const { value, origin } of [...contents.flatMap(({ shown }) => shown.plugins), ...ofCommandLine]) {
    for (const [name, options] of Object.entries(value as object)) {
      const before = plugins.get(name);
      plugins.set(name, {
        value: Object.assign({}, before?.value, options) as object,
        origin: before === undefined ? origin : `${before.origin}, ${origin}`,
      });
    }
  }
  return {
    rules: [
      ...headerRules(header).map(shownHeaders),
      ...contents.toReversed().flatMap(({ shown }) => shown.rules),
    ],
    plugins: [...plugins].map(([name, { value, origin }]) => ({ value: { [name]: value }, origin })),
  };
}

function shownHeaders({ match, settings, origin }: SourceRule): ShownPart {
  const { schemes: [scheme] = [], host } = match;
  const headers = Object.keys(settings.headers ?? {}).map((name) => [name, '***']);
  return { value: { match: { scheme, host }, headers: Object.fromEntries(headers) as object }, origin };
}

async function readAll(
  files: readonly ConfigFile[],
  environment: Readonly<NodeJS.ProcessEnv>,
): Promise<FileContent[]> {
  const present = files.filter(({ exists }) => exists);
  if (present.length === 0) return [];
  const { fileContent } = await import('./file-content.js');
  const results = await Promise.allSettled(
    present.map(async ({ path }) => await fileContent(path, await readConfigFile(path), environment)),
  );
  const faults = results.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    if (result.reason instanceof ConfigurationError) return result.reason.faults;
    throw result.reason as Error;
  });
  if (faults.length > 0) throw new ConfigurationError(faults);
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** Of schemes other than http and https, Dragonfly's headers are settings. */
async function ownHeaderRules({ header }: MountOptions): Promise<SourceRule[]> {
  const isWeb = ({ match }: SourceRule): boolean =>
    match.schemes?.every((name) => /^https?$/.test(name)) === true;
  const rules = headerRules(header);
  if (rules.every(isWeb)) return rules;
  const { dragonflyRule } = await import('./dragonfly-rule.js');
  return rules.map((rule) => (isWeb(rule) ? rule : dragonflyRule(rule, header)));
}

function mergedPlugins(all: readonly Configuration['plugins'][]): Configuration['plugins'] {
  const merged: Record<string, Readonly<Record<string, string>>> = {};
  for (const [name, values] of all.flatMap((plugins) => Object.entries(plugins))) {
    merged[name] = { ...merged[name], ...values };
  }
  return merged;
}

function commandLineName(name: OptionName): string {
  const row = OPTION_ROWS.find(([one]) => one === name)?.[1];
  return row === undefined ? name : longOption(name, row);
}
