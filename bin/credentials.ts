import type { CredentialsFor } from '../src/cache/disk/credential-scope.js';
import type { MountOptions } from './options.js';
import type { OriginHeaders } from './origin-headers.js';

/** The schemes whose connections the address policy checks. */
const CHECKED_SCHEMES = new Set(['http', 'https']);

/**
 * By what the stored content of a URL is kept apart: every header that is configured for its origin, every option of the
 * plugin that has its scheme, since any of them may be secret, and the address policy, unless it is the default one.
 * Undefined: by nothing.
 */
export function configuredCredentials(
  headersFor: OriginHeaders | undefined,
  optionsByPlugin: Readonly<Record<string, Readonly<Record<string, string>>>>,
  addresses: Pick<MountOptions, 'allowOther' | 'allowAddress'>,
): CredentialsFor | undefined {
  const { allowOther, allowAddress } = addresses;
  const policy = allowOther || allowAddress.length > 0 ? [allowOther, ...allowAddress.toSorted()] : undefined;
  if (headersFor === undefined && Object.keys(optionsByPlugin).length === 0 && policy === undefined) {
    return undefined;
  }
  return (url) => {
    const scheme = url.slice(0, url.indexOf(':'));
    const headers = sorted(headersFor?.(new URL(url)) ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]);
    const options = sorted(optionsByPlugin[scheme] ?? {});
    const ofPolicy = policy !== undefined && CHECKED_SCHEMES.has(scheme) ? [policy] : [];
    const isPlain = headers.length + options.length + ofPolicy.length === 0;
    return isPlain ? undefined : JSON.stringify([headers, options, ...ofPolicy]);
  };
}

/** The order in which they were given makes no difference. */
function sorted(values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).toSorted(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
}
