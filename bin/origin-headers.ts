/** `--header`: which headers go to which origin (scheme, host and port). */
import type { Logger } from 'pino';

export interface HeaderOption {
  /** As `URL.origin` writes it. */
  readonly origin: string;
  readonly name: string;
  readonly value: string;
}

/** The headers that are configured for the origin of a URL; the same object each time. */
export type OriginHeaders = (url: URL) => Readonly<Record<string, string>>;

const NONE: Readonly<Record<string, string>> = {};

export function originHeaders(options: readonly HeaderOption[], log: Pick<Logger, 'warn'>): OriginHeaders {
  const byOrigin = new Map<string, Record<string, string>>();
  for (const { origin, name, value } of options) {
    // One name whatever its case: what the engine sends itself goes before it.
    byOrigin.set(origin, { ...byOrigin.get(origin), [name.toLowerCase()]: value });
  }
  const warned = new Set<string>();
  return ({ origin }) => {
    const headers = byOrigin.get(origin);
    if (headers !== undefined) return headers;
    const twin = origin.replace(/^http:/, 'https:');
    if (byOrigin.has(twin) && !warned.has(origin)) {
      warned.add(origin);
      log.warn(
        { origin },
        `--header for ${twin} is not sent to ${origin}; name ${origin} to send it in the clear`,
      );
    }
    return NONE;
  };
}
