import { SourceRules } from '../../src/source/source-rules.js';
import type { Configuration } from './configuration.js';

export interface UrlSettings {
  /** Those that match the URL, the most specific first. */
  readonly rules: readonly { readonly origin: string; readonly match: object }[];
  readonly settings: readonly { readonly name: string; readonly value: unknown; readonly origin: string }[];
}

/** The settings of a URL, as they are written, without secrets. Each comes from the first rule that has it. */
export function settingsOf({ rules, shown }: Configuration, url: URL): UrlSettings {
  const matching = new SourceRules(rules).matching(url);
  const written = new Map(shown.rules.map(({ value, origin }) => [origin, value as Record<string, unknown>]));
  const names = new Set(matching.flatMap(({ settings }) => Object.keys(settings)));
  return {
    rules: matching.map(({ origin, match: { schemes, ...match } }) => ({
      origin,
      match: { ...(schemes !== undefined && { scheme: schemes.join() }), ...match },
    })),
    settings: [...names].toSorted().flatMap((name) => {
      const rule = matching.find(({ settings }) => Object.hasOwn(settings, name));
      // One that is written by another name is not shown.
      const value = written.get(rule?.origin ?? '')?.[name] ?? '***';
      return rule === undefined ? [] : [{ name, value, origin: rule.origin }];
    }),
  };
}
