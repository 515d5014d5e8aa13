import type { Logger } from 'pino';

import type { SourceRule } from '../src/source/source-rules.js';

/** Says once for each http origin that a rule for the https origin of the same host is not for it. */
export function twinWarning(
  rules: () => readonly SourceRule[],
  log: Pick<Logger, 'warn'>,
): (url: URL) => void {
  const warned = new Set<string>();
  return ({ protocol, host, origin }) => {
    if (protocol !== 'http:' || warned.has(origin)) return;
    const isFor =
      (scheme: string) =>
      ({ match, settings }: SourceRule): boolean =>
        match.host === host &&
        match.schemes?.includes(scheme) === true &&
        ('headers' in settings || 'credentials' in settings);
    if (rules().some(isFor('http')) || !rules().some(isFor('https'))) return;
    warned.add(origin);
    const twin = `https://${host}`;
    log.warn(
      { origin },
      `what is configured for ${twin} is not sent to ${origin}; name ${origin} to send it in the clear`,
    );
  };
}
