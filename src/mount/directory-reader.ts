import type { ListedEntry, ResourceCache } from '../cache/resource-cache.js';
import { SourceError, Turns } from '../source/index.js';
import { type Node } from './node.js';
import { nameOfSegment } from './path-name.js';
import type { PluginCatalog } from './plugin-catalog.js';
import type { ResourcePath } from './resource-path.js';
import type { UsedNames } from './used-names.js';

export interface DirEntry {
  readonly name: string;
  readonly kind: 'directory' | 'file';
}

export interface ListedDirectory {
  readonly entries: readonly DirEntry[];
  /** The source answered that there is no such directory. */
  readonly isMissing: boolean;
}

/** What is in a directory: what the source lists, or where it cannot, the names that were used below it. */
export class DirectoryReader {
  readonly #cache: ResourceCache;
  readonly #plugins: PluginCatalog;
  readonly #used: UsedNames;

  /** By listing: the entries, for all handles. */
  readonly #shown = new WeakMap<readonly ListedEntry[], Promise<readonly DirEntry[]>>();
  /** An open directory keeps its listing from being collected: the cache has the attributes of its entries. */
  readonly #listed = new WeakMap<readonly DirEntry[], readonly ListedEntry[]>();

  constructor(cache: ResourceCache, plugins: PluginCatalog, used: UsedNames) {
    this.#cache = cache;
    this.#plugins = plugins;
    this.#used = used;
  }

  async read(node: Node, signal?: AbortSignal): Promise<readonly DirEntry[]> {
    if (node.kind === 'root' || node.kind === 'plugins') await this.#plugins.refresh?.();
    switch (node.kind) {
      case 'root':
        return ['.plugins', ...this.#plugins.listClients()].map((name) => ({ name, kind: 'directory' }));
      case 'plugins':
        return this.#plugins.listClients().map((name) => ({ name, kind: 'file' }));
      case 'scheme':
        return this.#used.in(`${node.scheme}:`, signal).map((name) => ({ name, kind: 'directory' }));
      case 'resource':
        return (await this.list(node.path, signal)).entries;
      case 'plugin':
        return [];
    }
  }

  async list(path: ResourcePath, signal: AbortSignal | undefined): Promise<ListedDirectory> {
    let isMissing = false;
    try {
      const listed = await this.#cache.list(path.url, signal);
      if (listed.length > 0) {
        this.#used.addHost(path, signal);
        return { entries: await this.#shownOf(listed, signal), isMissing };
      }
    } catch (error) {
      if (!cannotList(error)) throw error;
      isMissing = error.code === 'NOT_FOUND';
    }
    const used = this.#used.in(path.url, signal).map((segment) => ({ segment }));
    const entries = await showable(used, ({ segment }) => this.#kindOf(path.childOfSegment(segment)), signal);
    return { entries, isMissing };
  }

  async #shownOf(
    listed: readonly ListedEntry[],
    signal: AbortSignal | undefined,
  ): Promise<readonly DirEntry[]> {
    let showing = this.#shown.get(listed);
    if (showing === undefined) {
      showing = showable(listed, ({ stat }) => (stat === 'unknown-file' ? 'file' : stat.kind), signal);
      this.#shown.set(listed, showing);
    }
    const shown = await showing;
    this.#listed.set(shown, listed);
    return shown;
  }

  #kindOf(path: ResourcePath): DirEntry['kind'] {
    const kind = this.#cache.lastKind(path.url);
    const isFile = (kind === 'file' || kind === 'page') && !this.#used.isDirectory(path.url);
    return isFile ? 'file' : 'directory';
  }
}

async function showable<Entry extends { readonly segment: string }>(
  entries: readonly Entry[],
  kindOf: (entry: Entry) => DirEntry['kind'],
  signal: AbortSignal | undefined,
): Promise<readonly DirEntry[]> {
  const shown: DirEntry[] = [];
  const turns = new Turns(signal);
  for (const entry of entries) {
    const wait = turns.spend(entry.segment.length, 1);
    if (wait !== undefined) await wait;
    const name = nameOfSegment(entry.segment);
    if (name !== undefined) shown.push({ name, kind: kindOf(entry) });
  }
  return shown;
}

/** No failure: names can be looked up in a directory that cannot be listed. */
function cannotList(error: unknown): error is SourceError {
  return (
    error instanceof SourceError && ['LIST_NOT_SUPPORTED', 'NOT_FOUND', 'ACCESS_DENIED'].includes(error.code)
  );
}
