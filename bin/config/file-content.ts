/** What a configuration file says: checked against the schema of all that may stand in it. Loads yaml and valibot. */
import type * as v from 'valibot';

import { expectedKey } from '../../src/source/nearest-name.js';
import type { PolicyRule } from '../../src/source/policy-rule.js';
import { COMMON_SETTINGS, SETTINGS_SCHEMAS } from '../../src/source/settings-schemas.js';
import type { Schema } from '../../src/source/settings-parts.js';
import type { ConfiguredScheme } from '../../src/source/settings.js';
import type { SourceRule } from '../../src/source/source-rules.js';
import { ConfigurationError, type ConfigurationFault } from './configuration-error.js';
import type { ConfigText } from './config-files.js';
import type { Configuration, FileContent } from './configuration.js';
import { withVariables } from './interpolate.js';
import { FileCheck } from './file-check.js';
import { FILE_SCHEMA, MATCH_SCHEMA, optionsIn, placeOf, SCHEMES } from './file-schema.js';
import { masked, maskedRule } from './masked.js';
import { plainSecretIn } from './plain-secret.js';
import { YamlFile } from './yaml-file.js';

export async function fileContent(
  path: string,
  given: ConfigText,
  environment: Readonly<NodeJS.ProcessEnv>,
): Promise<FileContent> {
  const file = new YamlFile(path, given.text);
  const faults: ConfigurationFault[] = [];
  const { value, replaced } = withVariables(file.value, environment, (at, message) =>
    faults.push(file.fault(at, message)),
  );
  const check = new FileCheck(file, replaced, faults);
  const whole = check.parse(FILE_SCHEMA, value, []);
  const { plugins = {}, policy = {} } = whole ?? {};
  const rules = sourcesIn(value).flatMap((rule, index) => rulesOf(check, rule, index));
  const policyOf = (list: 'allow' | 'deny'): PolicyRule[] =>
    (policy[list] ?? []).map(({ address, ...rest }, index) => ({
      ...rest,
      ...(address !== undefined && { addresses: address }),
      origin: `${path}:${file.lineOf(['policy', list, index])}`,
    }));
  if (faults.length > 0) throw new ConfigurationError(faults.toSorted(byPlace));
  const plain = given.isReadableByOthers ? plainSecretIn(file.value) : undefined;
  return {
    path,
    options: optionsIn(whole ?? {}),
    lineOf: (name) => file.lineOf(placeOf(name)),
    rules,
    policy: { allow: policyOf('allow'), deny: policyOf('deny') },
    plugins: await revealed(plugins, file),
    shown: {
      rules: sourcesIn(file.value).map((rule, index) => ({
        value: maskedRule(rule),
        origin: check.place(['sources', index]),
      })),
      plugins: Object.entries(pluginsIn(file.value)).map(([name, values]) => ({
        value: { [name]: masked(values) },
        origin: check.place(['plugins', name]),
      })),
    },
    warnings:
      plain === undefined
        ? []
        : [`${path}:${file.lineOf(plain)}: holds a secret, and other users can read the file; chmod 600 it`],
  };
}

/** Also of a file that has faults elsewhere. */
function sourcesIn(value: unknown): readonly unknown[] {
  const { sources } = (value ?? {}) as { readonly sources?: unknown };
  return Array.isArray(sources) ? sources : [];
}

function pluginsIn(value: unknown): object {
  return (value as { readonly plugins?: object }).plugins ?? {};
}

function byPlace(a: ConfigurationFault, b: ConfigurationFault): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** Options of plugins are passed when a plugin starts: they are read now. */
async function revealed(
  plugins: v.InferOutput<typeof FILE_SCHEMA>['plugins'] & object,
  file: YamlFile,
): Promise<Configuration['plugins']> {
  const result: Record<string, Record<string, string>> = {};
  for (const [name, values] of Object.entries(plugins)) {
    const texts: Record<string, string> = {};
    for (const [key, source] of Object.entries(values)) {
      texts[key] = (
        await source.get().catch((error: Error) => {
          throw new ConfigurationError([file.fault(['plugins', name, key], error.message)]);
        })
      ).reveal();
    }
    result[name] = texts;
  }
  return result;
}

function rulesOf(check: FileCheck, given: unknown, index: number): SourceRule[] {
  const at = ['sources', index];
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    check.fault(at, 'expected a rule: a mapping with match and settings');
    return [];
  }
  const { match: matched = {}, ...settings } = given as Record<string, unknown>;
  const matching = check.parse(MATCH_SCHEMA, matched, [...at, 'match']);
  if (matching === undefined) return [];
  const { scheme: schemes, host: hosts, path } = matching;
  const unknown = schemes?.filter((name) => !SCHEMES.includes(name as ConfiguredScheme)) ?? [];
  for (const name of unknown) {
    check.fault([...at, 'match', 'scheme'], expectedKey(SCHEMES, name));
  }
  if (unknown.length > 0) return [];
  return (schemes ?? [undefined]).flatMap((name) => {
    const schema: Schema<SourceRule['settings']> =
      name === undefined ? COMMON_SETTINGS : SETTINGS_SCHEMAS[name as ConfiguredScheme];
    const parsedSettings = check.parse(schema, settings, at);
    if (parsedSettings === undefined) return [];
    return (hosts ?? [undefined]).map((one) => ({
      match: {
        ...(name !== undefined && { schemes: [name] }),
        ...(one !== undefined && { host: one }),
        ...(path !== undefined && { path }),
      },
      settings: parsedSettings,
      origin: check.place(at),
    }));
  });
}
