import type { Logger } from 'pino';

import type { ListedEntry, ResourceCache } from '../cache/resource-cache.js';
import { redactUrl, safeText, SourceError, Turns } from '../source/index.js';
import type { MadeFiles } from './made-files.js';
import { CONTROL_NAME, type Node } from './node.js';
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

  /** By listing: the entries, for all handles. */
  readonly #shown = new WeakMap<readonly ListedEntry[], Promise<readonly DirEntry[]>>();
  /** An open directory keeps its listing from being collected: the cache has the attributes of its entries. */
  readonly #listed = new WeakMap<readonly DirEntry[], readonly ListedEntry[]>();

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

  async read(node: Node, signal?: AbortSignal): Promise<readonly DirEntry[]> {
    if (node.kind === 'root' || node.kind === 'plugins') await this.#plugins.refresh?.();
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
      case 'resource':
        return (await this.list(node.path, signal)).entries;
      case 'control':
        return this.#made.controlNames.map((name) => ({ name, kind: 'file' }));
      case 'plugin':
      case 'control-file':
        return [];
    }
  }

  async list(path: ResourcePath, signal: AbortSignal | undefined): Promise<ListedDirectory> {
    const { isHierarchical } = path.capabilities;
    let isMissing = false;
    try {
      const listed = await this.#cache.list(path.url, signal);
      if (listed.length > 0) {
        this.#used.addHost(path, signal);
        return { entries: await this.#shownOf(path, listed, signal), isMissing };
      }
      if (isHierarchical) return { entries: [], isMissing };
    } catch (error) {
      if (!cannotList(error, isHierarchical)) throw error;
      isMissing = error.code === 'NOT_FOUND';
    }
    const used = this.#used.in(path.url, signal).map((segment) => ({ segment }));
    const { shown } = await showable(
      path,
      used,
      ({ segment }) => this.#kindOf(path.childOfSegment(segment)),
      signal,
    );
    return { entries: shown, isMissing };
  }

  async #shownOf(
    path: ResourcePath,
    listed: readonly ListedEntry[],
    signal: AbortSignal | undefined,
  ): Promise<readonly DirEntry[]> {
    let showing = this.#shown.get(listed);
    if (showing === undefined) {
      showing = this.#show(path, listed, signal);
      this.#shown.set(listed, showing);
    }
    const shown = await showing;
    this.#listed.set(shown, listed);
    return shown;
  }

  async #show(
    path: ResourcePath,
    listed: readonly ListedEntry[],
    signal: AbortSignal | undefined,
  ): Promise<readonly DirEntry[]> {
    const kindOf = ({ stat }: ListedEntry): DirEntry['kind'] =>
      stat === 'unknown-file' ? 'file' : stat.kind;
    const { shown, hidden } = await showable(path, listed, kindOf, signal);
    if (hidden[0] !== undefined && !this.#warned.has(path.url) && this.#warned.size < MAX_WARNED) {
      this.#warned.add(path.url);
      this.#log?.warn(
        { url: redactUrl(path.url), names: hidden.length, example: safeText(hidden[0].segment) },
        'a listing has names that no path can have (empty, a dot segment, or over 255 bytes); they are not shown',
      );
    }
    return shown;
  }

  #kindOf(path: ResourcePath): DirEntry['kind'] {
    const kind = this.#cache.lastKind(path.url);
    const isFile = (kind === 'file' || kind === 'page') && !this.#used.isDirectory(path.url);
    return isFile ? 'file' : 'directory';
  }
}

async function showable<Entry extends { readonly segment: string }>(
  directory: ResourcePath,
  entries: readonly Entry[],
  kindOf: (entry: Entry) => DirEntry['kind'],
  signal: AbortSignal | undefined,
): Promise<{ readonly shown: readonly DirEntry[]; readonly hidden: readonly Entry[] }> {
  const shown: DirEntry[] = [];
  const hidden: Entry[] = [];
  const turns = new Turns(signal);
  const { queries } = directory.capabilities;
  for (const entry of entries) {
    const wait = turns.spend(entry.segment.length, 1);
    if (wait !== undefined) await wait;
    const name = nameOfSegment(entry.segment, queries);
    if (name === undefined || !directory.contains(entry.segment)) hidden.push(entry);
    else shown.push({ name, kind: kindOf(entry) });
  }
  return { shown, hidden };
}

/** No failure: names can be looked up in a directory that cannot be listed. A hierarchical source means what it answers. */
function cannotList(error: unknown, isHierarchical: boolean): error is SourceError {
  if (!(error instanceof SourceError)) return false;
  if (error.code === 'LIST_NOT_SUPPORTED') return true;
  return !isHierarchical && (error.code === 'NOT_FOUND' || error.code === 'ACCESS_DENIED');
}
