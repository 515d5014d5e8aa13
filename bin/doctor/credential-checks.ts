import process from 'node:process';

import { VARIABLES } from '../../src/source/default-credentials.js';
import type { SourceRule } from '../../src/source/source-rules.js';
import { fail, type Finding, ok } from './check.js';
import type { SetUp } from './set-up.js';
import type { UrlProbe } from './url-probe.js';

/** Which credentials are used for each URL, and whether they are accepted. No value is shown. */
export async function checkCredentials({ urlProbes, configuration }: SetUp): Promise<Finding[]> {
  return (await urlProbes()).flatMap((probe) => findings(probe, configuration.rules));
}

function findings(probe: UrlProbe, rules: readonly SourceRule[]): Finding[] {
  const { shown, error, metadata } = probe;
  const used = credentialsOf(probe, rules);
  if (error?.code === 'ACCESS_DENIED') {
    // Of a secret, and not of the URL.
    if (error.status === undefined && /^(?:file|command):/.test(error.url)) {
      return [fail(`${shown}: ${error.message} (${error.found ?? ''})`, 'the lines of `secrets` say more')];
    }
    const status = error.found === undefined ? '' : ` (${error.found})`;
    if (used === undefined)
      return [fail(`${shown}: refused${status}, and no credentials are configured`, addRule(probe.url))];
    const says =
      error.status === 403 ? 'they may be right, and not allow this' : 'they are wrong, or have expired';
    return [
      fail(
        `${shown}: ${used}: refused${status}`,
        `${says}; put new ones there (docs/SOURCES.md, "Where credentials come from")`,
      ),
    ];
  }
  const isAnswered = metadata !== undefined || error?.code === 'NOT_FOUND';
  return used === undefined || !isAnswered ? [] : [ok(`${shown}: ${used}: accepted`)];
}

/** Where they come from. Undefined: there are none. */
function credentialsOf({ url, settings }: UrlProbe, rules: readonly SourceRule[]): string | undefined {
  const { credentials, headers } = settings as {
    readonly credentials?: { readonly kind: string };
    readonly headers?: Readonly<Record<string, unknown>>;
  };
  const originOf = (name: string, value: unknown): string =>
    rules.find(({ settings: own }) => (own as Record<string, unknown>)[name] === value)?.origin ??
    'the configuration';
  if (credentials !== undefined && credentials.kind !== 'anonymous')
    return `the ${credentials.kind} of ${originOf('credentials', credentials)}`;
  if (headers !== undefined) return `the headers of ${originOf('headers', headers)}`;
  if (credentials !== undefined) return undefined;
  if (url.protocol === 'sftp:') return 'the keys of ~/.ssh';
  const set = (VARIABLES[url.protocol.slice(0, -1)] ?? []).filter((name) => process.env[name] !== undefined);
  return set.length === 0 ? undefined : `what ${set.join(', ')} name${set.length === 1 ? 's' : ''}`;
}

function addRule({ protocol, host }: URL): string {
  const scheme = protocol.slice(0, -1);
  return `add a rule to the configuration: \`sources: [{ match: { scheme: ${scheme}, host: '${host}' }, credentials: … }]\` (docs/CONFIGURATION.md, "Credentials")`;
}
