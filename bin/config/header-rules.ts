import { literalSecret } from '../../src/source/auth/secret-source.js';
import type { SourceRule } from '../../src/source/source-rules.js';
import type { HeaderOption } from '../header-option.js';

/** `--header` as rules: one for each origin, with all of its headers. */
export function headerRules(headers: readonly HeaderOption[]): SourceRule[] {
  const origins = new Set(headers.map(({ origin }) => origin));
  return [...origins].map((origin) => {
    const own = headers.filter((one) => one.origin === origin);
    const [scheme = '', host = ''] = origin.split('://');
    return {
      match: { schemes: [scheme], host },
      // One name whatever its case.
      settings: {
        headers: Object.fromEntries(own.map(({ name, value }) => [name.toLowerCase(), literalSecret(value)])),
      },
      origin: '--header',
    };
  });
}
