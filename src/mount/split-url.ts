/** A URL as it is written. `URL` would resolve dot segments, and encode what is not http's. */
export interface UrlParts {
  /** In lower case. */
  readonly scheme: string;
  /** With port, and with credentials if it has them. */
  readonly host: string;
  /** Of the path; none for `/`, and none for a slash at the end. */
  readonly segments: readonly string[];
  /** With `?`; empty: none. */
  readonly query: string;
  /** With `#`; empty: none. */
  readonly fragment: string;
}

export function splitUrl(text: string): UrlParts | undefined {
  const [, scheme, host, path = '', query = '', fragment = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([^/?#]+)(\/[^?#]*)?(\?[^#]*)?(#.*)?$/is.exec(text) ?? [];
  if (scheme === undefined || host === undefined) return undefined;
  const segments = path.length <= 1 ? [] : path.slice(1).replace(/\/$/, '').split('/');
  return { scheme: scheme.toLowerCase(), host, segments, query, fragment };
}
