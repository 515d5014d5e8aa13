import * as v from 'valibot';

import { SETTINGS_SCHEMAS } from '../../src/source/settings-schemas.js';
import type { ConfiguredScheme } from '../../src/source/settings.js';
import type { SourceRule } from '../../src/source/source-rules.js';
import type { HeaderOption } from '../header-option.js';
import { ConfigurationError } from './configuration-error.js';

/** A rule of `--header 's3://bucket: awsRegion: eu-1'`: Dragonfly's names mean settings, others are headers. */
export function dragonflyRule(rule: SourceRule, headers: readonly HeaderOption[]): SourceRule {
  const { schemes: [scheme = ''] = [], host } = rule.match;
  const own = headers.filter(({ origin }) => origin === `${scheme}://${host}`);
  const given = { headers: Object.fromEntries(own.map(({ name, value }) => [name, value])) };
  const { success, output, issues } = v.safeParse(SETTINGS_SCHEMAS[scheme as ConfiguredScheme], given);
  if (success) return { ...rule, settings: output };
  throw new ConfigurationError(
    issues.map((issue) => ({ place: '--header', key: v.getDotPath(issue) ?? '', message: issue.message })),
  );
}
