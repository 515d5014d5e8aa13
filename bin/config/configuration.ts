import type { PolicyRules } from '../../src/source/policy-rule.js';
import type { SourceRule } from '../../src/source/source-rules.js';
import { headerRules } from './header-rules.js';
import type { OptionName } from './option-table.js';
import type { MountOptions } from './options.js';
import { optionsByPlugin } from '../plugin-options.js';

/** All that is configured for a mount, of all places. */
export interface Configuration {
  readonly options: MountOptions;
  /** Where the value of an option comes from; absent: it is the default. */
  readonly origins: Readonly<Partial<Record<OptionName, string>>>;
  /** Of those that match a URL equally well the first counts. */
  readonly rules: readonly SourceRule[];
  readonly policy: PolicyRules;
  /** Options of plugins by their names. */
  readonly plugins: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly shown: ShownConfiguration;
  /** Those that were read. */
  readonly files: readonly string[];
  /** For the log. */
  readonly warnings: readonly string[];
}

/** For `config show`: as it is written, without secrets. */
export interface ShownConfiguration {
  readonly rules: readonly ShownPart[];
  readonly plugins: readonly ShownPart[];
}

export interface ShownPart {
  readonly value: unknown;
  /** Where it stands. */
  readonly origin: string;
}

/** What one configuration file says. */
export interface FileContent {
  readonly path: string;
  readonly options: Partial<MountOptions>;
  readonly lineOf: (name: OptionName) => number;
  readonly rules: readonly SourceRule[];
  readonly policy: PolicyRules;
  readonly plugins: Configuration['plugins'];
  readonly shown: ShownConfiguration;
  readonly warnings: readonly string[];
}

/** Of a mount without configuration files. */
export function configurationOf(options: MountOptions): Configuration {
  return {
    options,
    origins: {},
    rules: headerRules(options.header),
    policy: { allow: [], deny: [] },
    plugins: optionsByPlugin(options.pluginOption),
    shown: { rules: [], plugins: [] },
    files: [],
    warnings: [],
  };
}
