/** The rules of the configuration: which settings a URL has. */
import type { SecretSource } from './auth/secret-source.js';
import { defaultCredentials, defaultPlace } from './default-credentials.js';
import { sameSchemes } from './scheme-aliases.js';
import type { HttpSettings, SettingsLookup, SourceSettings } from './settings.js';

export interface SourceMatch {
  /** Undefined: every scheme. */
  readonly schemes?: readonly string[];
  /** With its port, if it is not the scheme's own; `*` stands for any text. Undefined: every host. */
  readonly host?: string;
  /** Matches itself and what is below it. Undefined: every path. */
  readonly path?: string;
}

export interface SourceRule {
  readonly match: SourceMatch;
  readonly settings: SourceSettings | HttpSettings;
  /** Where it stands, for `config show`. */
  readonly origin: string;
}

type AnySettings = Readonly<Record<string, unknown>>;

const NONE: AnySettings = {};

/** The rules that are given first go before equal ones. */
export class SourceRules implements SettingsLookup {
  readonly rules: readonly SourceRule[];
  /** The most specific first. */
  readonly #sorted: readonly CompiledRule[];
  /** By the rules that match: the same object for all URLs that the same rules match. */
  readonly #merged = new Map<string, AnySettings>();
  readonly #scopes = new WeakMap<AnySettings, { readonly scope: string | undefined }>();

  constructor(rules: readonly SourceRule[]) {
    this.rules = rules;
    // A stable sort.
    this.#sorted = rules.map(compile).toSorted((a, b) => compareLists(b.specificity, a.specificity));
  }

  /** Those that match a URL: each setting is that of the first one that has it. */
  matching({ protocol, host, pathname }: URL): SourceRule[] {
    const place = { protocol, host, pathname };
    const matching = this.#sorted.filter(({ matches }) => matches(place));
    return matching.flatMap(({ index }) => this.rules[index] ?? []);
  }

  settingsFor(url: URL): SourceSettings {
    return this.#settingsFor(url);
  }

  #settingsFor({ protocol, host, pathname }: URL): AnySettings {
    // Each of them is made anew each time.
    const place = { protocol, host, pathname };
    const matching = this.#sorted.filter(({ matches }) => matches(place));
    if (matching.length === 0) return NONE;
    const key = matching.map(({ index }) => index).join();
    const known = this.#merged.get(key);
    if (known !== undefined) return known;
    const merged = Object.assign({}, ...matching.toReversed().map(({ settings }) => settings)) as AnySettings;
    this.#merged.set(key, merged);
    return merged;
  }

  scopeFor(url: URL): string | undefined {
    const settings = this.#settingsFor(url);
    const scheme = url.protocol.slice(0, -1);
    const found = settings['credentials'] === undefined ? defaultCredentials(scheme) : defaultPlace(scheme);
    const known = this.#scopes.get(settings);
    const scope = known === undefined ? scopeOf(settings) : known.scope;
    if (known === undefined) this.#scopes.set(settings, { scope });
    return found === undefined ? scope : `${found} ${scope ?? ''}`;
  }
}

interface CompiledRule {
  readonly index: number;
  readonly matches: (url: Pick<URL, 'protocol' | 'host' | 'pathname'>) => boolean;
  /** The longest path, then an exact host, then the longest pattern, then a scheme. */
  readonly specificity: readonly number[];
  readonly settings: AnySettings;
}

function compile({ match, settings }: SourceRule, index: number): CompiledRule {
  const { schemes, host, path } = match;
  const protocols = schemes?.flatMap(sameSchemes).map((scheme) => `${scheme}:`);
  const isExact = host !== undefined && !host.includes('*');
  const matchesHost = host === undefined ? () => true : hostMatcher(host);
  const prefix = path === undefined ? undefined : path.replace(/\/$/, '');
  return {
    index,
    settings: settings as AnySettings,
    specificity: [
      prefix?.length ?? 0,
      isExact ? 1 : 0,
      host?.replaceAll('*', '').length ?? 0,
      schemes === undefined ? 0 : 1,
    ],
    matches: (url) =>
      (protocols === undefined || protocols.includes(url.protocol)) &&
      matchesHost(url) &&
      (prefix === undefined || url.pathname === prefix || url.pathname.startsWith(`${prefix}/`)),
  };
}

/** A pattern of a host, as in rules and policies. A dot at the end of a host makes no difference: it names the same one. */
export function hostMatcher(pattern: string): (url: Pick<URL, 'protocol' | 'host'>) => boolean {
  if (!pattern.includes('*')) return exactHostMatcher(pattern);
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^A-Za-z0-9]/g, String.raw`\$&`));
  const expression = new RegExp(`^${parts.join('.*')}$`, 'i');
  return (url) => expression.test(withoutDot(url.host));
}

function exactHostMatcher(host: string): (url: Pick<URL, 'protocol' | 'host'>) => boolean {
  const byProtocol = new Map<string, string>();
  return (url) => {
    const known = byProtocol.get(url.protocol) ?? hostFor(host, url.protocol);
    byProtocol.set(url.protocol, known);
    return withoutDot(url.host) === known;
  };
}

function withoutDot(host: string): string {
  return host.endsWith('.') || host.includes('.:') ? host.replace(/\.(?=(?::\d+)?$)/, '') : host;
}

/** As `URL.host` writes it: without the scheme's own port, in lower case where the scheme's hosts are. */
function hostFor(host: string, protocol: string): string {
  const text = `${protocol}//${host}`;
  return withoutDot(URL.canParse(text) ? new URL(text).host : host);
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** Settings that change how content is fetched, and not which content that is. */
const SAME_CONTENT = new Set([
  'proxy',
  'addressing',
  'requesterPays',
  'signature',
  'p2p',
  'shareScope',
  'datanodes',
]);

function scopeOf(settings: AnySettings): string | undefined {
  const parts = Object.entries(settings)
    .filter(([name, value]) => !SAME_CONTENT.has(name) && !isAnonymous(name, value))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return parts.length === 0 ? undefined : identityOf(Object.fromEntries(parts));
}

function isAnonymous(name: string, value: unknown): boolean {
  return name === 'credentials' && (value as { readonly kind: string }).kind === 'anonymous';
}

/** JSON in which a secret stands for what identifies it, and the order of names makes no difference. */
export function identityOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    if (isSecret(part)) return part.identity.reveal();
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isSecret(value: object): value is SecretSource {
  return 'identity' in value && 'renew' in value;
}
