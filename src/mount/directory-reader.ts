import type { Logger } from 'pino';

import type { OpenListing, ReadPlace, ResourceCache } from '../cache/resource-cache.js';
import { redactUrl, safeText, SourceError } from '../source/index.js';
import { ListedDirectory } from './listed-directory.js';
import type { MadeFiles } from './made-files.js';
import { CONTROL_NAME, type Node, type ResourceNode } from './node.js';
import { type DirEntry, directoryOf, type OpenDirectory } from './open-directory.js';
import { nameOfSegment } from './path-name.js';
import type { PluginCatalog } from './plugin-catalog.js';
import type { ResourcePath } from './resource-path.js';
import type { UsedNames } from './used-names.js';

export interface FoundDirectory {
  readonly directory: OpenDirectory;
  readonly isEmpty: boolean;
  /** The source answered that there is no such directory. */
  readonly isMissing: boolean;
}

/** So many directories are remembered whose listing has names that cannot be shown. */
const MAX_WARNED = 1_000;

/** What is in a directory: what the source lists, or where it cannot, the names that were used below it. */
export class DirectoryReader {
  readonly #cache: ResourceCache;
  readonly #plugins: PluginCatalog;
  readonly #made: MadeFiles;
  readonly #used: UsedNames;
  readonly #log: Logger | undefined;
  /** The directories of which the log says that not all of their names can be shown. */
  readonly #warned = new Set<string>();

  constructor(
    cache: ResourceCache,
    plugins: PluginCatalog,
    made: MadeFiles,
    used: UsedNames,
    log: Logger | undefined,
  ) {
    this.#cache = cache;
    this.#plugins = plugins;
    this.#made = made;
    this.#used = used;
    this.#log = log;
  }

  async open(node: Node, signal?: AbortSignal): Promise<OpenDirectory> {
    if (node.kind === 'root' || node.kind === 'plugins') await this.#plugins.refresh?.();
    if (node.kind === 'resource') return (await this.openResource(node.path, signal)).directory;
    return directoryOf(this.#entriesOf(node, signal));
  }

  #entriesOf(node: Exclude<Node, ResourceNode>, signal: AbortSignal | undefined): Omit<DirEntry, 'place'>[] {
    switch (node.kind) {
      case 'root':
        return [
          ...(this.#made.control?.isListed === true ? [CONTROL_NAME] : []),
          '.plugins',
          ...this.#plugins.listClients(),
        ].map((name) => ({ name, kind: 'directory' }));
      case 'roots':
        return [...node.roots.keys()].map((name) => ({ name, kind: 'directory' }));
      case 'plugins':
        return this.#plugins.listClients().map((name) => ({ name, kind: 'file' }));
      case 'scheme':
        return this.#used.in(`${node.scheme}:`, signal).map((name) => ({ name, kind: 'directory' }));
      case 'control':
        return this.#made.controlNames.map((name) => ({ name, kind: 'file' }));
      case 'plugin':
      case 'control-file':
        return [];
    }
  }

  async openResource(path: ResourcePath, signal: AbortSignal | undefined): Promise<FoundDirectory> {
    const { isHierarchical } = path.capabilities;
    let isMissing = false;
    try {
      const listing = await this.#cache.openListing(path.url, signal);
      const isEmpty = listing.segmentAt(0) === undefined;
      if (!isEmpty) this.#used.addHost(path, signal);
      if (!isEmpty || isHierarchical) return { directory: this.#listed(path, listing), isEmpty, isMissing };
      listing.close();
    } catch (error) {
      if (!cannotList(error, isHierarchical)) throw error;
      isMissing = error.code === 'NOT_FOUND';
    }
    const used = this.#usedIn(path, signal);
    return { directory: directoryOf(used), isEmpty: used.length === 0, isMissing };
  }

  /** One that another process has read to a place. */
  async reopen(path: ResourcePath, from: ReadPlace): Promise<OpenDirectory> {
    return this.#listed(path, await this.#cache.openListing(path.url, undefined, from));
  }

  #listed(path: ResourcePath, listing: OpenListing): ListedDirectory {
    return new ListedDirectory(path, listing, (names, segment) => {
      if (this.#warned.has(path.url) || this.#warned.size >= MAX_WARNED) return;
      this.#warned.add(path.url);
      this.#log?.warn(
        { url: redactUrl(path.url), names, example: safeText(segment) },
        'a listing has names that no path can have (empty, a dot segment, or over 255 bytes); they are not shown',
      );
    });
  }

  #usedIn(path: ResourcePath, signal: AbortSignal | undefined): Omit<DirEntry, 'place'>[] {
    return this.#used.in(path.url, signal).flatMap((segment) => {
      const name = nameOfSegment(segment, path.capabilities.queries);
      if (name === undefined || !path.contains(segment)) return [];
      return [{ name, kind: this.#kindOf(path.childOfSegment(segment)) }];
    });
  }

  #kindOf(path: ResourcePath): DirEntry['kind'] {
    const kind = this.#cache.lastKind(path.url);
    const isFile = (kind === 'file' || kind === 'page') && !this.#used.isDirectory(path.url);
    return isFile ? 'file' : 'directory';
  }
}

/** No failure: names can be looked up in a directory that cannot be listed. A hierarchical source means what it answers. */
function cannotList(error: unknown, isHierarchical: boolean): error is SourceError {
  if (!(error instanceof SourceError)) return false;
  if (error.code === 'LIST_NOT_SUPPORTED') return true;
  return !isHierarchical && (error.code === 'NOT_FOUND' || error.code === 'ACCESS_DENIED');
}
