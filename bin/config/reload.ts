import type { Logger } from 'pino';

import { ControlError } from '../../src/control/control-error.js';
import type { ReloadResult } from '../../src/control/operated-mount.js';
import { messageOf } from '../../src/error-code.js';

import type { Configuration } from './configuration.js';
import type { PolicyRule } from '../../src/source/policy-rule.js';
import { identityOf } from '../../src/source/source-rules.js';
import type { LiveConfiguration } from './live-configuration.js';
import { OPTION_ROWS, type OptionName } from './option-table.js';

/**
 * Reads the configuration anew. What can change while the mount stands does: rules, secrets, the policy, and the options that
 * are live. Of the rest the log says that it stays. A configuration with faults is logged, and changes nothing; then it
 * rejects with a `ControlError`.
 */
export async function reload(
  live: LiveConfiguration,
  load: () => Promise<Configuration>,
  log: Logger,
): Promise<ReloadResult> {
  let next: Configuration;
  try {
    next = await load();
  } catch (error) {
    log.error({ err: error }, 'the configuration cannot be used; it stays as it was');
    live.noteFault(messageOf(error));
    throw new ControlError('CONFIGURATION', messageOf(error), 'the configuration stays as it was');
  }
  const { current } = live;
  for (const warning of next.warnings) log.warn(warning);
  const changed = OPTION_ROWS.filter(([name]) => !isEqual(next.options[name], current.options[name]));
  const liveOptions = changed.filter(([, row]) => row.isLive === true).map(([name]) => name);
  const applied = [
    ...liveOptions,
    ...(identityOf(rulesOf(next)) === identityOf(rulesOf(current)) ? [] : ['sources']),
    ...(identityOf(policyOf(next)) === identityOf(policyOf(current)) ? [] : ['policy']),
  ];
  const kept = [
    // What `header` and `pluginOption` say stands in rules and in the options of plugins.
    ...changed.filter(([, row]) => row.isLive !== true && row.isOfStart !== true).map(([name]) => name),
    ...(isEqual(next.plugins, current.plugins) ? [] : ['plugins']),
  ];
  const options = { ...current.options, ...pick(next.options, liveOptions) };
  live.replace({ ...next, options, plugins: current.plugins });
  log.info({ files: next.files, changed: applied }, 'the configuration is reloaded');
  if (kept.length > 0) log.warn({ kept }, `these need a new mount, and stay as they are: ${kept.join(', ')}`);
  return { changed: applied, needsRemount: kept };
}

/** Without the lines that they stand at. */
function rulesOf({ rules }: Configuration): unknown {
  return rules.map(({ match, settings }) => [match, settings]);
}

function policyOf({ policy }: Configuration): unknown {
  const rules = (rule: PolicyRule): object => ({ ...rule, origin: '' });
  return { deny: policy.deny.map(rules), allow: policy.allow.map(rules) };
}

function pick(options: Configuration['options'], names: readonly OptionName[]): object {
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}

/** Of plain data. */
function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
