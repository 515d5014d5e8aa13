import type { ResourceCache, SavedVersion } from '../cache/resource-cache.js';
import type { DirectoryHandles } from './directory-handles.js';
import type { DirectoryReader } from './directory-reader.js';
import type { Entry } from './entry.js';
import type { HandleTable } from './handle-table.js';
import type { InodeNumbers } from './inode-numbers.js';
import type { NameResolver } from './name-resolver.js';
import { identityOf, type Node } from './node.js';
import type { NodeEntries } from './node-entries.js';
import { type OpenFile, reopenedFile } from './open-file.js';
import type { PluginCatalog } from './plugin-catalog.js';
import { restoredNode, type SavedEntry } from './restored-node.js';
import { directoryOfNames, ReopenedDirectory, type SavedEntries, saveEntries } from './saved-directory.js';
import type { UsedNames } from './used-names.js';

/** An open directory, for the next process. */
export type SavedDirectory = SavedEntries & {
  /** That opened a name of unknown type. */
  readonly caller?: number | undefined;
};

const START = { place: 0, digest: 0 };

interface Tables {
  readonly cache: ResourceCache;
  readonly plugins: PluginCatalog;
  readonly inodes: InodeNumbers;
  readonly entries: NodeEntries;
  readonly names: NameResolver;
  readonly used: UsedNames;
  readonly files: HandleTable<OpenFile>;
  readonly directories: DirectoryHandles;
  readonly reader: DirectoryReader;
}

/** What a process leaves to the next one, and takes over from an earlier one (docs/ARCHITECTURE.md, "The journal"). */
export class KeptState {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  get mountedAtMs(): number {
    return this.#tables.inodes.mountedAtMs;
  }

  /** Called when a caller is about to look a URL up once more, as a file. */
  set onIntent(onIntent: (caller: number, url: string) => void) {
    this.#tables.names.onIntent = onIntent;
  }

  /** `place`: up to where it was read. */
  saveDirectory(handle: number, place: number): SavedDirectory {
    const { directories } = this.#tables;
    return { ...saveEntries(directories.get(handle), place), caller: directories.useOf(handle)?.caller };
  }

  /** The mount is one that another process has served; before anything is restored. */
  resume(mountedAtMs: number, areHandlesKnown: boolean): void {
    const { inodes, files, directories } = this.#tables;
    inodes.resume(mountedAtMs);
    files.resume(areHandlesKnown);
    directories.resume(areHandlesKnown);
  }

  /** What the other process replied to a lookup. */
  restoreEntry(parent: Node, name: string, saved: SavedEntry): Pick<Entry, 'node' | 'attr'> {
    const { plugins, used, entries } = this.#tables;
    const node = restoredNode(parent, name, saved, plugins);
    // A file shows that what its path leads through are directories.
    if (node.kind === 'resource' && node.type === 'file') used.add(node.path, {});
    return { node, attr: entries.restoredAttr(node, saved) };
  }

  restoreFile(handle: number, node: Node, saved: SavedVersion | undefined): void {
    const { files, cache } = this.#tables;
    files.restore(handle, reopenedFile(cache, identityOf(node), saved));
  }

  restoreDirectory(handle: number, node: Node, { names, read = START, caller }: SavedDirectory): void {
    const { directories, reader } = this.#tables;
    const use = caller === undefined ? undefined : { caller, url: identityOf(node) };
    const directory =
      names === undefined && node.kind === 'resource'
        ? new ReopenedDirectory(read, (from) => reader.reopen(node.path, from))
        : directoryOfNames(names ?? []);
    directories.restore(handle, directory, use);
  }

  restoreIntent(caller: number, url: string): void {
    this.#tables.names.restoreIntent(caller, url);
  }
}
