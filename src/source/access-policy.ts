/** What may be reached: the rules of the configuration, and then the default rules for addresses. */
import { type AddressPolicy, addressMatcher, addressPolicy } from './address-policy.js';
import { SourceError } from './errors.js';
import type { PolicyRule, PolicyRules } from './policy-rule.js';
import { connectionScheme, sameSchemes } from './scheme-aliases.js';
import { hostMatcher, type SourceRule } from './source-rules.js';

export interface AccessPolicyOptions {
  /** Others than who mounts can read. */
  readonly isShared: boolean;
  /** CIDRs that no default rule refuses. */
  readonly allowed: readonly string[];
  readonly policy: PolicyRules;
  /** A host that one of them names may have a loopback or private address. */
  readonly rules: readonly SourceRule[];
}

export function accessPolicy({ isShared, allowed, policy, rules }: AccessPolicyOptions): AddressPolicy {
  const [deny, allow] = [policy.deny.map(compileForPorts), policy.allow.map(compileForPorts)];
  const named = [...rules.flatMap(namedBy), ...allow.filter(({ hasAddress }) => !hasAddress)];
  const byDefault = addressPolicy({ isShared, allowed });
  const forNamed = addressPolicy({ isShared: false, allowed });
  return (address, url) => {
    const denied = deny.find(({ matches }) => matches(url, address));
    if (denied !== undefined) return `policy.deny, ${denied.origin}`;
    if (address === undefined) return undefined;
    if (allow.some(({ hasAddress, matches }) => hasAddress && matches(url, address))) return undefined;
    const rule = byDefault(address);
    // The rules are many, and most addresses are allowed.
    if (rule === undefined || !named.some(({ matches }) => matches(url, address))) return rule;
    return forNamed(address);
  };
}

/** Whether a rule names the host of a URL, which may then have a loopback or private address. */
export function namedHosts(rules: readonly SourceRule[]): (url: URL) => boolean {
  const named = rules.flatMap(namedBy);
  return (url) => named.some(({ matches }) => matches(url, undefined));
}

/** A rule of the mount refuses what a name stands for. */
export class AccessRefusedError extends SourceError {
  override readonly name = 'AccessRefusedError';
  constructor(url: URL, rule: string) {
    super('ADDRESS_REFUSED', `refused by ${rule}`, url, {
      expected: 'a URL that no rule of policy.deny matches',
      found: url.host,
    });
  }
}

type Place = Pick<URL, 'protocol' | 'host' | 'hostname'>;

interface CompiledRule {
  readonly origin: string;
  readonly hasAddress: boolean;
  readonly matches: (url: Place, address: string | undefined) => boolean;
}

/** Without a port, a host means all of its ports. */
function compileForPorts(rule: PolicyRule): CompiledRule {
  const compiled = compile(rule);
  if (rule.host === undefined || /:\d+$/.test(rule.host)) return compiled;
  const { matches } = compiled;
  return {
    ...compiled,
    matches: ({ protocol, hostname }, address) => matches({ protocol, host: hostname, hostname }, address),
  };
}

function compile({ scheme, host, addresses, origin }: PolicyRule): CompiledRule {
  const matchesHost = host === undefined ? () => true : hostMatcher(host);
  const matchesAddress = addresses === undefined ? () => true : addressMatcher(addresses);
  const protocols = scheme && sameSchemes(scheme).map((name) => `${name}:`);
  return {
    origin,
    hasAddress: addresses !== undefined,
    matches: (url, address) =>
      (protocols === undefined || protocols.includes(url.protocol)) &&
      matchesHost(url) &&
      (addresses === undefined || (address !== undefined && matchesAddress(address))),
  };
}

/** The hosts that a rule for sources names: of its match, unless that is a pattern for all, and of its endpoint. */
function namedBy({ match, settings, origin }: SourceRule): CompiledRule[] {
  const { endpoint, baseUrl } = settings as { readonly endpoint?: URL; readonly baseUrl?: URL };
  const ofUrls = [endpoint, baseUrl].flatMap((url) =>
    url === undefined ? [] : [{ scheme: url.protocol.slice(0, -1), host: url.host, origin }],
  );
  const { host, schemes = [undefined] } = match;
  const isNamed = host !== undefined && /[^*.:]/.test(host);
  const ofMatch = isNamed
    ? schemes
        .flatMap((scheme) => (scheme === undefined ? [scheme] : [scheme, connectionScheme(scheme)]))
        .map((scheme) => ({ host, origin, ...(scheme !== undefined && { scheme }) }))
    : [];
  return [...ofUrls, ...ofMatch].map(compile);
}
