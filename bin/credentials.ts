import type { CredentialsFor } from '../src/cache/disk/scoped-disk-cache.js';
import type { OriginHeaders } from './origin-headers.js';

/**
 * What a mount was given to be let in with: every header that is configured for the origin of a URL, and every option of
 * the plugin that has its scheme, since any of them may be secret. Undefined: nothing at all.
 */
export function configuredCredentials(
  headersFor: OriginHeaders | undefined,
  optionsByPlugin: Readonly<Record<string, Readonly<Record<string, string>>>>,
): CredentialsFor | undefined {
  if (headersFor === undefined && Object.keys(optionsByPlugin).length === 0) return undefined;
  return (url) => {
    const headers = sorted(headersFor?.(new URL(url)) ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]);
    const options = sorted(optionsByPlugin[url.slice(0, url.indexOf(':'))] ?? {});
    return headers.length + options.length === 0 ? undefined : JSON.stringify([headers, options]);
  };
}

/** The order in which they were given makes no difference. */
function sorted(values: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(values).toSorted(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
}
