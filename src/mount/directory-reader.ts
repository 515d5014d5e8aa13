import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { ListedEntry, ResourceCache } from '../cache/resource-cache.js';
import { SourceError } from '../source/index.js';
import { type Node } from './node.js';
import { nameOfSegment } from './path-name.js';
import type { PluginCatalog } from './plugin-catalog.js';
import type { ResourcePath } from './resource-path.js';

export interface DirEntry {
  readonly name: string;
  readonly kind: 'directory' | 'file';
}

/** Names remembered for a directory that cannot be listed. */
const MAX_NAMES = 1_000;
/** A set, and a slot of it. */
const [SET_BYTES, SLOT_BYTES] = [200, 30];

interface UsedNames {
  readonly names: Set<string>;
  bytes: number;
}

/** What is in a directory: what the source lists, or where it cannot, the names that were used below it. */
export class DirectoryReader {
  readonly #cache: ResourceCache;
  readonly #plugins: PluginCatalog;
  /** Names that turned out to exist, by the URL (or `scheme:`) of their directory. */
  readonly #used: BoundedMap<UsedNames>;

  /** Of a listing, for all who have the directory open. */
  readonly #shown = new WeakMap<readonly ListedEntry[], readonly DirEntry[]>();

  constructor(cache: ResourceCache, plugins: PluginCatalog, budget: MetadataBudget) {
    this.#cache = cache;
    this.#plugins = plugins;
    this.#used = new BoundedMap({ budget, bytesOf: ({ bytes }) => bytes });
  }

  /** A resource turned out to exist: its host, and the names on the way to it, are worth showing. */
  remember(path: ResourcePath): void {
    this.#add(`${path.scheme}:`, path.host);
    const hostUrl = `${path.scheme}://${path.host}`;
    let parent = hostUrl;
    const [below = ''] = path.url.slice(hostUrl.length + 1).split('?', 1);
    for (const segment of below.split('/')) {
      if (segment === '') continue;
      this.#add(parent, segment);
      parent = `${parent}/${segment}`;
    }
  }

  async read(node: Node, signal?: AbortSignal): Promise<readonly DirEntry[]> {
    if (node.kind === 'root' || node.kind === 'plugins') await this.#plugins.refresh?.();
    switch (node.kind) {
      case 'root':
        return ['.plugins', ...this.#plugins.listClients()].map((name) => ({ name, kind: 'directory' }));
      case 'plugins':
        return this.#plugins.listClients().map((name) => ({ name, kind: 'file' }));
      case 'scheme':
        return this.#namesIn(`${node.scheme}:`).map((name) => ({ name, kind: 'directory' }));
      case 'resource':
        return await this.#list(node.path, signal);
      case 'plugin':
        return [];
    }
  }

  async #list(path: ResourcePath, signal: AbortSignal | undefined): Promise<readonly DirEntry[]> {
    try {
      const listed = await this.#cache.list(path.url, signal);
      if (listed.length > 0) {
        this.#add(`${path.scheme}:`, path.host);
        return this.#shownOf(listed);
      }
    } catch (error) {
      if (!cannotList(error)) throw error;
    }
    const known = this.#namesIn(path.url).map((segment) => ({ segment }));
    return showable(known, ({ segment }) => this.#kindOf(path.childOfSegment(segment)));
  }

  #shownOf(listed: readonly ListedEntry[]): readonly DirEntry[] {
    let shown = this.#shown.get(listed);
    if (shown === undefined) {
      shown = showable(listed, ({ stat }) => (stat === 'unknown-file' ? 'file' : stat.kind));
      this.#shown.set(listed, shown);
    }
    return shown;
  }

  #kindOf(path: ResourcePath): DirEntry['kind'] {
    const stat = this.#cache.peek(path.url)?.stat;
    return typeof stat === 'object' && stat.kind === 'file' && !this.#used.has(path.url)
      ? 'file'
      : 'directory';
  }

  #add(directory: string, name: string): void {
    const used = this.#used.get(directory) ?? { names: new Set<string>(), bytes: SET_BYTES };
    if (used.names.has(name) || used.names.size >= MAX_NAMES) return;
    used.names.add(name);
    used.bytes += SLOT_BYTES + stringBytes(name);
    this.#used.set(directory, used);
  }

  #namesIn(directory: string): readonly string[] {
    return [...(this.#used.get(directory)?.names ?? [])];
  }
}

function showable<Entry extends { readonly segment: string }>(
  entries: readonly Entry[],
  kindOf: (entry: Entry) => DirEntry['kind'],
): DirEntry[] {
  const shown: DirEntry[] = [];
  for (const entry of entries) {
    const name = nameOfSegment(entry.segment);
    if (name !== undefined) shown.push({ name, kind: kindOf(entry) });
  }
  return shown;
}

/** A directory without a listing is no failure: it can be walked. */
function cannotList(error: unknown): boolean {
  return error instanceof SourceError && (error.code === 'LIST_NOT_SUPPORTED' || error.code === 'NOT_FOUND');
}
