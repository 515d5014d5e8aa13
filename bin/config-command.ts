/** `d7y-mount config check|show|path`: the configuration that a mount would have. */
import process from 'node:process';

import { stringify } from 'yaml';

import { escapeControls, redactUrl, safeJson, safeLines } from '../src/source/safe-text.js';
import { configFiles, SYSTEM_FILE } from './config/config-files.js';
import { ConfigurationError } from './config/configuration-error.js';
import { effectiveConfiguration, effectiveFile } from './config/effective.js';
import { environmentOptions } from './config/environment.js';
import { withFittingMemory } from './fitting-memory.js';
import { loadConfiguration } from './config/load-configuration.js';
import type { GivenOptions } from './config/options.js';
import { secretProblems } from './config/secret-problems.js';
import { settingsOf } from './config/settings-of.js';
import { canonicalUrl } from './url-path.js';

/** Prints the faults. Resolves to the exit code: 1 if there are some. */
export async function checkConfiguration(
  given: GivenOptions,
  file: string | undefined,
  { json }: { readonly json: boolean },
): Promise<number> {
  try {
    const found = await loadConfiguration(file === undefined ? given : { ...given, config: file });
    const warnings = [...found.warnings, ...(await secretProblems(found.rules))];
    if (json) printJson({ files: found.files, errors: [], warnings });
    else {
      for (const path of found.files) process.stdout.write(`${path}: no faults\n`);
      if (found.files.length === 0) process.stdout.write('there is no configuration file\n');
      for (const warning of warnings) process.stderr.write(`warning: ${safeLines(warning)}\n`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (json) printJson({ errors: error.faults.map(({ place, ...fault }) => ({ file: place, ...fault })) });
    else process.stderr.write(`${safeLines(error.message)}\n`);
    return 1;
  }
}

/** Prints the effective values, as a file, with secrets as `***`. */
export async function showConfiguration(
  given: GivenOptions,
  { json, origin }: { readonly json: boolean; readonly origin: boolean },
): Promise<void> {
  const found = withFittingMemory(await loadConfiguration(given));
  if (json) printJson(effectiveConfiguration(found));
  else process.stdout.write(effectiveFile(found, origin, inOneLine));
}

/** Prints the settings that a URL has, and for each the rule that it comes from, and why. */
export async function showSettings(
  given: GivenOptions,
  url: string,
  { json }: { readonly json: boolean },
): Promise<void> {
  const { rules, settings } = settingsOf(await loadConfiguration(given), new URL(canonicalUrl(url)));
  if (json) return printJson({ url: redactUrl(url), rules, settings });
  const lines = [
    rules.length === 0
      ? `# no rule of sources matches ${redactUrl(url)}`
      : `# rules that match ${redactUrl(url)}, the most specific first:`,
    ...rules.map(({ origin, match }) => `#   ${origin}: ${inOneLine(match)}`),
    ...settings.map(({ name, value, origin }) => `${name}: ${inOneLine(value)} # ${origin}`),
  ];
  process.stdout.write(`${lines.map((line) => escapeControls(line)).join('\n')}\n`);
}

/** Prints which files are looked for. */
export async function listConfigFiles(
  given: GivenOptions,
  { json }: { readonly json: boolean },
): Promise<void> {
  const config = given.config ?? environmentOptions(process.env).options.config;
  const files = await configFiles(config, process.env);
  if (json) return printJson(files);
  for (const { path, exists } of files) process.stdout.write(`${path}${exists ? '' : ' (missing)'}\n`);
  if (config === undefined) {
    process.stderr.write(
      `and ${SYSTEM_FILE.replace('config.yaml', 'config.d/*.yaml')} before the last one\n`,
    );
  }
}

function inOneLine(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

function printJson(value: unknown): void {
  process.stdout.write(`${safeJson(JSON.stringify(value))}\n`);
}
