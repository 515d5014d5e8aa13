import type { Evicted } from '../evicted.js';
import type { UrlSet } from '../url-set.js';
import { readResource } from './confirmations.js';
import { urlOfResource } from './credential-scope.js';
import { versionOfSegment } from './layout.js';
import { shardsOf } from './shard.js';
import type { StoreContext, Writer } from './store-context.js';

/** Removes the segments of these URLs. Never rejects: what cannot be read or removed stays. */
export async function evictSegments(
  context: StoreContext,
  writer: Writer,
  urls: UrlSet,
  isForced: boolean,
): Promise<Evicted | undefined> {
  if (!(await writer.catalog.ready)) return undefined;
  const { root, resourceOf, warnings, pins } = context;
  // A name of the store is a hash: what lies below a URL is found by the headers of all segments, a URL itself at once.
  const stored = urls.resources?.map((url) => {
    const resource = resourceOf(url);
    return (resource === undefined ? undefined : writer.catalog.segmentsOf(resource)) ?? [];
  });
  const isFound = stored?.every((segments) => segments.length > 0) === true;
  const evicted = { files: 0, bytes: 0 };
  for (const names of isFound ? (stored ?? []) : shardsOf(root)) {
    const versions = new Set<string>();
    for (const name of await names) {
      try {
        if (!isForced && !pins.isEmpty && (await writer.catalog.pinned.has(name))) continue;
        const bytes = await remove(context, writer, name, isFound ? undefined : urls);
        if (bytes === undefined) continue;
        versions.add(versionOfSegment(name).versionName);
        evicted.bytes += bytes;
      } catch (error) {
        warnings.warn('cannot evict a stored segment', error);
      }
    }
    evicted.files += versions.size;
  }
  return evicted;
}

/** Undefined: it was not removed. */
async function remove(
  { root, reads, changes, isClosing }: StoreContext,
  { catalog }: Writer,
  name: string,
  urls: UrlSet | undefined,
): Promise<number | undefined> {
  if (isClosing || !catalog.has(name)) return undefined;
  if (urls !== undefined) {
    const resource = await reads.run(() => readResource(root, name));
    if (resource === undefined || !urls.has(urlOfResource(resource))) return undefined;
  }
  return await changes.run(async () => {
    const bytes = catalog.bytesOf(name);
    return (await catalog.remove(name)) ? bytes : undefined;
  });
}
