import type { CredentialsFor } from '../src/cache/disk/credential-scope.js';
import { namedHosts } from '../src/source/access-policy.js';
import { defaultCredentials } from '../src/source/default-credentials.js';
import type { PolicyRule } from '../src/source/policy-rule.js';
import type { SourceRules } from '../src/source/source-rules.js';
import type { Configuration } from './config/configuration.js';

/**
 * By what the stored content of a URL is kept apart: what its rules say of credentials and endpoints, every option of the
 * plugin that has its scheme, since any of them may be secret, and the policy, unless it is the default one.
 */
export function configuredCredentials(
  { options, policy, plugins }: Pick<Configuration, 'options' | 'policy' | 'plugins'>,
  rules: Pick<SourceRules, 'rules' | 'scopeFor'>,
): CredentialsFor {
  const { allowOther, allowAddress } = options;
  const isOwnPolicy = allowOther || allowAddress.length + policy.allow.length + policy.deny.length > 0;
  const ofPolicy = isOwnPolicy
    ? [allowOther, allowAddress.toSorted(), policy.allow.map(matchOf), policy.deny.map(matchOf)]
    : undefined;
  const isNamed = namedHosts(rules.rules);
  return (url) => {
    const scheme = url.slice(0, url.indexOf(':'));
    const mayBeScoped = rules.rules.length > 0 || defaultCredentials(scheme) !== undefined;
    const ofPlugin = Object.entries(plugins[scheme] ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const parts = {
      settings: mayBeScoped ? rules.scopeFor(new URL(url)) : undefined,
      plugin: ofPlugin.length === 0 ? undefined : ofPlugin,
      // Plugins make connections of their own.
      policy: scheme in plugins ? undefined : ofPolicy,
      // It may have an address that the policy refuses otherwise.
      isNamed: (allowOther && isNamed(new URL(url))) || undefined,
    };
    const isPlain = Object.values(parts).every((part) => part === undefined);
    return isPlain ? undefined : JSON.stringify(parts);
  };
}

function matchOf({ scheme, host, addresses }: PolicyRule): unknown {
  return [scheme, host, addresses];
}
