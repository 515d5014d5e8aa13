import { encodeStrict } from '../../auth/canonical.js';
import { percentDecoded } from '../../byte-text.js';
import { SourceError } from '../../errors.js';

/** The names that the version of an object may have in a URL, whichever the store has for it. */
export const VERSION_PARAMETERS: readonly string[] = ['versionId', 'versionid', 'generation'];

/** The query of a URL, `?versionId=…`, as the store has it. No form: a `+` in it is a part of the version. */
export function versionQuery(url: URL, parameter: string): string {
  if (url.search === '') return '';
  const [name = '', version = '', ...others] = url.search.slice(1).split('=');
  if (others.length > 0 || version.includes('&') || !VERSION_PARAMETERS.includes(name)) {
    throw new SourceError('INVALID_REQUEST', 'the query cannot be used', url, {
      expected: `one of ${VERSION_PARAMETERS.join(', ')}`,
      found: 'another parameter',
    });
  }
  return `${parameter}=${encodeStrict(percentDecoded(version))}`;
}
