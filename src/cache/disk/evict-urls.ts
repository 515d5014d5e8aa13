import type { Evicted } from '../evicted.js';
import type { UrlSet } from '../url-set.js';
import type { StoreContext, Writer } from './store-context.js';

/** Removes what is stored of these URLs; what is pinned only with `isForced`. Never rejects: what cannot be read or removed stays. */
export async function evictUrls(
  context: StoreContext,
  { catalog }: Writer,
  urls: UrlSet,
  isForced: boolean,
): Promise<Evicted | undefined> {
  if (!(await catalog.ready)) return undefined;
  if (!isForced) await catalog.refreshPins();
  const evicted = { files: 0, bytes: 0 };
  const evict = async (name: string): Promise<void> => {
    const bytes = catalog.bytesOf(name);
    if (context.isClosing || !catalog.has(name) || (!isForced && catalog.isPinned(name))) return;
    if (!(await catalog.remove(name))) return;
    evicted.files += 1;
    evicted.bytes += bytes;
  };
  // A URL itself is found at once, what lies below it by the headers of all entries.
  const stored = urls.resources?.map((url) => {
    const resource = context.resourceOf(url);
    return (resource === undefined ? undefined : catalog.entriesOf(resource)) ?? [];
  });
  if (stored?.every((names) => names.length > 0) === true)
    for (const name of stored.flat()) await evict(name);
  else for await (const [name, url] of catalog.urls()) if (urls.has(url)) await evict(name);
  return evicted;
}
