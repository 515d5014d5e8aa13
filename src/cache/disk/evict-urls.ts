import type { Evicted } from '../evicted.js';
import type { UrlSet } from '../url-set.js';
import { shardsOf } from './layout.js';
import type { StoreContext, Writer } from './store-context.js';

export interface Eviction {
  readonly urls: UrlSet;
  /** What is pinned, too. */
  readonly isForced: boolean;
  /** Of the entry's header; undefined: it is gone. */
  readonly urlOf: (name: string) => Promise<string | undefined>;
}

/** Removes what is stored of these URLs. Never rejects: what cannot be read or removed stays. */
export async function evictUrls(
  context: StoreContext,
  { catalog }: Writer,
  { urls, isForced, urlOf }: Eviction,
): Promise<Evicted | undefined> {
  if (!(await catalog.ready)) return undefined;
  const { root, resourceOf, pins } = context;
  // A name of the store is a hash: what lies below a URL is found by the headers of all entries, a URL itself at once.
  const stored = urls.resources?.map((url) => {
    const resource = resourceOf(url);
    return (resource === undefined ? undefined : catalog.entriesOf(resource)) ?? [];
  });
  const isFound = stored?.every((names) => names.length > 0) === true;
  const evicted = { files: 0, bytes: 0 };
  for (const names of isFound ? (stored ?? []) : shardsOf(root)) {
    for (const name of await names) {
      if (context.isClosing || !catalog.has(name)) continue;
      if (!isForced && !pins.isEmpty && (await catalog.pinned.has(name))) continue;
      const url = isFound ? undefined : await urlOf(name);
      if (!isFound && (url === undefined || !urls.has(url))) continue;
      const bytes = catalog.bytesOf(name);
      if (!(await catalog.remove(name))) continue;
      evicted.files += 1;
      evicted.bytes += bytes;
    }
  }
  return evicted;
}
