/** URLs with all that lies below them: `https://h/a`, a host, a scheme (`https:`), or everything (the empty text). */
export class UrlSet {
  readonly #tops: readonly string[];

  constructor(tops: readonly string[]) {
    this.#tops = tops;
  }

  has(url: string): boolean {
    return this.#tops.some((top) => isAtOrBelow(url, top));
  }

  /** Whether the directory has one of the URLs as an entry. */
  hasEntryOf(directory: string): boolean {
    return this.#tops.some((top) => top.slice(0, top.lastIndexOf('/')) === directory);
  }

  /** The URLs themselves, unless each names more than resources have as a URL. */
  get resources(): readonly string[] | undefined {
    return this.#tops.every((top) => top.includes('://')) ? this.#tops : undefined;
  }
}

function isAtOrBelow(url: string, top: string): boolean {
  if (top === '' || url === top) return true;
  return url.startsWith(top) && (top.endsWith(':') || url[top.length] === '/');
}
