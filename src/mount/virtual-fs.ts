/**
 * The filesystem, without FUSE: promises and typed errors; no callback, no errno, no path string.
 *
 * Operations work on nodes, for a caller. `NameResolver` decides whether a name is a file or a directory.
 */
import { constants } from 'node:fs';

import type { Logger } from 'pino';

import type { FileStat, ResourceCache, SavedVersion, Sink } from '../cache/resource-cache.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import { type Awaitable, chain } from '../awaitable.js';
import type { Attr, Ownership } from './attr.js';
import type { Caller } from './caller.js';
import type { ControlFiles } from './control-files.js';
import { DirectoryHandles } from './directory-handles.js';
import { DirectoryReader } from './directory-reader.js';
import type { Entry } from './entry.js';
import { xattrNames, xattrValue } from './extended-attributes.js';
import { FsError } from './fs-error.js';
import { HandleTable } from './handle-table.js';
import { type FileGeneration, InodeNumbers } from './inode-numbers.js';
import { KeptState } from './kept-state.js';
import { NameResolver } from './name-resolver.js';
import {
  CONTROL_NAME,
  type ControlFileNode,
  generationOf,
  identityOf,
  isDirectory,
  isMade,
  type Node,
  pathOf,
  type PluginNode,
} from './node.js';
import { type MountRoot, rootNode } from './mount-root.js';
import { NodeEntries } from './node-entries.js';
import { MadeFiles } from './made-files.js';
import type { DirEntry, OpenDirectory } from './open-directory.js';
import { openAccessLog } from './open-access-log.js';
import { type OpenFile, openMadeFile, openResourceFile } from './open-file.js';
import { hasFileExtension } from './path-name.js';
import type { PluginCatalog } from './plugin-catalog.js';
import { ResourcePath } from './resource-path.js';
import { UsedNames } from './used-names.js';

export interface FileHandle {
  readonly id: number;
  /** Bytes; undefined until the source reports them. */
  readonly size: number | undefined;
  /** Identifies the bytes that the handle reads. */
  readonly version: string;
  /** What the inode number of that version belongs to. */
  readonly generation: FileGeneration;
  /** A descriptor of a complete local copy of the version, valid while the handle is open. */
  readonly localFd: number | undefined;
  /** By which another process goes on with it; undefined: it cannot. */
  readonly saved: SavedVersion | undefined;
}

export interface VirtualFsContext {
  readonly cache: ResourceCache;
  readonly plugins: PluginCatalog;
  readonly ownership: Ownership;
  /** What the mount shows; absent: all URLs. */
  readonly root?: MountRoot;
  /** The kernel checks permissions: it sends GETATTR for each directory on the way, too. */
  readonly checksPermissions?: boolean;
  /** For metadata. */
  readonly budget: MetadataBudget;
  readonly now?: () => number;
  /** Extended attributes of the root that no list shows: what the mount is, and does. */
  readonly mountAttribute?: (name: string) => string | undefined;
  /** `/.d7y`; absent: there is no such directory. A mount with a root has none. */
  readonly controlFiles?: ControlFiles;
  /** For what no operation fails of. */
  readonly log?: Logger;
}

/** Where the kernel leaves permissions to the mount, one of them is enough, as for its own execve(2). */
const EXECUTE_BITS = constants.S_IXUSR | constants.S_IXGRP | constants.S_IXOTH;

export class VirtualFs {
  readonly root: Node;
  readonly budget: MetadataBudget;
  readonly kept: KeptState;
  readonly #cache: ResourceCache;
  readonly #plugins: PluginCatalog;
  readonly #checksPermissions: boolean;
  readonly #mountAttribute: (name: string) => string | undefined;
  readonly #made: MadeFiles;
  readonly #inodes: InodeNumbers;
  readonly #entries: NodeEntries;
  readonly #names: NameResolver;
  readonly #used: UsedNames;
  readonly #files = new HandleTable<OpenFile>();
  readonly #directories: DirectoryHandles;
  readonly #directoryReader: DirectoryReader;

  constructor(context: VirtualFsContext) {
    this.root = rootNode(context.root);
    this.#cache = context.cache;
    this.#plugins = context.plugins;
    const { now, budget, checksPermissions = false } = context;
    this.#checksPermissions = checksPermissions;
    this.#mountAttribute = context.mountAttribute ?? (() => undefined);
    this.budget = budget;
    this.#directories = new DirectoryHandles(budget);
    this.#inodes = new InodeNumbers(budget, now);
    this.#made = new MadeFiles(context.plugins, context.controlFiles);
    this.#entries = new NodeEntries(this.#inodes, this.#made, context.ownership);
    this.#used = new UsedNames(budget);
    this.#names = new NameResolver(context.cache, this.#used, now, budget);
    this.#directoryReader = new DirectoryReader(
      context.cache,
      context.plugins,
      this.#made,
      this.#used,
      context.log,
    );
    this.kept = new KeptState({
      cache: context.cache,
      plugins: context.plugins,
      inodes: this.#inodes,
      entries: this.#entries,
      names: this.#names,
      used: this.#used,
      files: this.#files,
      directories: this.#directories,
      reader: this.#directoryReader,
    });
  }

  /** See `ResourceCache`. */
  onChanged(listener: (url: string) => void): void {
    this.#cache.onChanged(listener);
  }

  /** The transport sets this: which generations of a file the kernel has inodes of, the newest first. */
  set inKernel(inKernel: InodeNumbers['inKernel']) {
    this.#inodes.inKernel = inKernel;
  }

  lookup(parent: Node, name: string, caller: Caller): Awaitable<Entry> {
    switch (parent.kind) {
      case 'root':
        if (name === '.plugins') return this.#entries.ofFixed({ kind: 'plugins' });
        if (name === CONTROL_NAME && this.#made.control !== undefined) {
          return this.#entries.ofFixed({ kind: 'control' });
        }
        return this.#schemeNode(name).then((node) => this.#entries.ofFixed(node));
      case 'roots': {
        const path = parent.roots.get(name);
        if (path === undefined) throw new FsError('NO_ENTRY', name, 'the mount has no such root');
        return this.#entries.ofFixed({ kind: 'resource', type: 'directory', path });
      }
      case 'plugins':
        return this.#pluginNode(name).then((node) => this.#entries.ofFixed(node));
      case 'scheme': {
        const capabilities = this.#plugins.capabilitiesOf?.(parent.scheme);
        const path = ResourcePath.ofHost(parent.scheme, name, capabilities);
        return this.#entries.ofFixed({ kind: 'resource', type: 'directory', path });
      }
      case 'resource':
        if (parent.type === 'file') throw new FsError('NOT_DIRECTORY', pathOf(parent), 'is a file');
        return this.#lookupResource(parent.path.child(name), caller);
      case 'control':
        if (!this.#made.controlNames.includes(name)) throw new FsError('NO_ENTRY', name, 'no such file');
        return this.#entries.ofFixed({ kind: 'control-file', name });
      case 'plugin':
      case 'control-file':
        throw new FsError('NOT_DIRECTORY', pathOf(parent), 'is a file');
    }
  }

  /** Throws `NOT_DIRECTORY` for a root that is a file, and what its source throws. `name`: of several roots. */
  async checkRoot(name: string | undefined, signal: AbortSignal): Promise<void> {
    const { root } = this;
    const node = name === undefined ? root : (await this.lookup(root, name, { id: 0 })).node;
    if (node.kind === 'resource') await this.#names.checkRoot(node.path, signal);
  }

  /** The result of `lookup` if it needs no query, for a name in a listing. */
  peekEntry(parent: Node, name: string): Entry | undefined {
    if (parent.kind !== 'resource') return undefined;
    const path = parent.path.child(name);
    const known = this.#cache.peek(path.url, parent.path.url);
    if (known?.isListed !== true || typeof known.stat !== 'object') return undefined;
    if (known.stat.kind === 'file' && known.stat.size === undefined) return undefined;
    return this.#entries.ofResource(path, known.stat, known.ttlMs);
  }

  /** The node is used as the last one of a path: an unknown name gets its type. */
  async useLastName(node: Node, caller: Caller): Promise<void> {
    if (node.kind !== 'resource') return;
    if (node.type === 'unknown') await this.#names.statLastName(node.path, true, caller);
    else this.#names.use(node.path, caller);
  }

  async getattr(node: Node, caller: Caller): Promise<Attr> {
    if (node.kind !== 'resource') return this.#entries.ofFixed(node).attr;
    const isUnknown = node.type === 'unknown';
    if (node.type === 'directory') {
      return this.#entries.attrOf(node, await this.#names.statDirectory(node.path, caller));
    }
    if (isUnknown && this.#isOnTheWay(node.path, caller)) {
      this.#names.use(node.path, caller);
      return this.#entries.attrOf(node);
    }
    return this.#entries.attrOf(node, await this.#names.statLastName(node.path, isUnknown, caller));
  }

  /** For access(2) and chdir(2). Both send X_OK alone: it is taken for chdir(2). */
  async access(node: Node, mask: number, caller: Caller): Promise<void> {
    const isUnknown = node.kind === 'resource' && node.type === 'unknown';
    if (isUnknown && mask === constants.X_OK) await this.#names.checkDirectory(node.path, caller);
    else await this.useLastName(node, caller);
    if (isDirectory(node) || (mask & constants.X_OK) === 0) return;
    const { mode } = await this.getattr(node, caller);
    if ((mode & EXECUTE_BITS) === 0) {
      throw new FsError('NOT_PERMITTED', pathOf(node), 'the file is not executable at its source');
    }
  }

  /** `isUnread`: nothing was read of the node before, so that the version of its lookup may be opened. */
  async open(node: Node, caller: Caller, isUnread = true): Promise<FileHandle> {
    const lookedUp = isUnread && node.kind === 'resource' ? node.lookedUp : undefined;
    const opening = this.#openFile(node, caller, lookedUp);
    const file = opening instanceof Promise ? await opening : opening;
    if (node.kind === 'resource') this.#used.add(node.path, caller);
    const { size, version, localFd } = file;
    const known = generationOf(node);
    const generation =
      lookedUp !== undefined && known !== undefined
        ? known
        : this.#inodes.ofFile(identityOf(node), { size, version }, known);
    const { saved } = file;
    return { id: this.#files.add(file), size, version, generation, localFd, saved };
  }

  /** For transports that cannot read a file of unknown size. */
  whenSizeKnown(handle: number, caller: Caller): Promise<number> {
    return this.#files.get(handle).whenSizeKnown(caller.signal);
  }

  /** `sink` gets the bytes of `[offset, offset + length)`, cut at the end of the file, valid until it returns. */
  read<Result>(
    handle: number,
    offset: number,
    length: number,
    caller: Caller,
    sink: Sink<Result>,
  ): Promise<Result> {
    return this.#files.get(handle).read(offset, length, sink, caller);
  }

  /** The first bytes that are there now, perhaps none: valid in this step only. */
  head(handle: number): Uint8Array {
    return this.#files.get(handle).head();
  }

  /** False: it was not open. */
  release(handle: number): boolean {
    const file = this.#files.remove(handle);
    file?.close();
    return file !== undefined;
  }

  /** `mustBeDirectory`: O_DIRECTORY, with which an unknown name may be a page. */
  async opendir(node: Node, mustBeDirectory: boolean, caller: Caller): Promise<number> {
    if (!isDirectory(node)) throw new FsError('NOT_DIRECTORY', pathOf(node), 'is a file');
    if (node.kind !== 'resource' || node.type !== 'unknown') {
      await this.useLastName(node, caller);
      return this.#directories.add(await this.#directoryReader.open(node, caller.signal), undefined);
    }
    if (mustBeDirectory) this.#names.checkLookup(node.path, caller);
    else await this.#names.statLastName(node.path, true, caller);
    const { directory, isEmpty, isMissing } = await this.#directoryReader.openResource(
      node.path,
      caller.signal,
    );
    try {
      if (mustBeDirectory && isEmpty) await this.#names.checkDirectory(node.path, caller, isMissing);
    } catch (error) {
      directory.close();
      throw error;
    }
    this.#names.use(node.path, caller);
    return this.#directories.add(directory, { caller: caller.id, url: node.path.url });
  }

  /** The entries of an open directory, without `.` and `..`. */
  readdir(handle: number): Pick<OpenDirectory, 'whenAt' | 'entryAt'> {
    return this.#directories.get(handle);
  }

  /** For transports whose readdir returns all names at once: of an open directory, or of a node. */
  async listDirectory(given: number | Node, caller: Caller): Promise<DirEntry[]> {
    const isOpen = typeof given === 'number';
    const directory = isOpen
      ? this.#directories.get(given)
      : await this.#directoryReader.open(given, caller.signal);
    const entries: DirEntry[] = [];
    try {
      for (let place = 0; ; place = (entries.at(-1)?.place ?? 0) + 1) {
        const wait = directory.whenAt(place, caller);
        if (wait !== undefined) await wait;
        const entry = directory.entryAt(place);
        if (entry === undefined) return entries;
        entries.push(entry);
      }
    } finally {
      if (!isOpen) directory.close();
    }
  }

  /** False: it was not open. */
  releasedir(handle: number): boolean {
    return this.#directories.remove(handle);
  }

  async getxattr(node: Node, name: string, caller: Caller): Promise<Uint8Array> {
    const ofMount = node === this.root ? this.#mountAttribute(name) : undefined;
    if (ofMount !== undefined) return Buffer.from(ofMount);
    await this.useLastName(node, caller);
    return await xattrValue(this.#cache, node, name, caller);
  }

  async listxattr(node: Node, caller: Caller): Promise<readonly string[]> {
    await this.useLastName(node, caller);
    return xattrNames(node);
  }

  /** How many files and directories are open. */
  get openHandles(): { readonly files: number; readonly directories: number } {
    return { files: this.#files.size, directories: this.#directories.size };
  }

  /** Closes what is still open. */
  async close(): Promise<void> {
    for (const file of this.#files.clear()) file.close();
    this.#directories.clear();
    this.#names.close();
    await this.#cache.close();
  }

  /** Whether the caller needs the attributes of an unknown name to go on from it, as far as can be seen. */
  #isOnTheWay({ url, name }: ResourcePath, caller: Caller): boolean {
    if (this.#directories.isUsed({ caller: caller.id, url })) return true;
    return this.#checksPermissions && !hasFileExtension(name);
  }

  #openFile(node: Node, caller: Caller, known: FileStat | undefined): Awaitable<OpenFile> {
    if (isMade(node)) return this.#openMadeFile(node, caller);
    if (node.kind !== 'resource' || node.type !== 'file') {
      throw new FsError('IS_A_DIRECTORY', pathOf(node), 'is a directory');
    }
    this.#names.use(node.path, caller);
    return openResourceFile(this.#cache, node.path.url, caller, known);
  }

  #openMadeFile(node: PluginNode | ControlFileNode, { uid }: Caller): OpenFile {
    const { control } = this.#made;
    const isOthers = uid !== undefined && uid !== 0 && uid !== control?.uid;
    if (node.kind === 'control-file' && isOthers) {
      throw new FsError('NOT_PERMITTED', pathOf(node), 'only the user who mounted, and root, may read it');
    }
    const content = this.#made.contentOf(node);
    if (content !== undefined) return openMadeFile(content);
    if (control?.accessLog === undefined) throw new FsError('NO_ENTRY', pathOf(node), 'no such file');
    return openAccessLog(control.accessLog);
  }

  async #schemeNode(name: string): Promise<Node> {
    if (/^[a-z][a-z0-9+.-]*$/.test(name) && (await this.#plugins.isServed(name))) {
      return { kind: 'scheme', scheme: name };
    }
    throw new FsError('NO_ENTRY', name, 'no source client for the scheme');
  }

  async #pluginNode(name: string): Promise<Node> {
    await this.#plugins.refresh?.();
    if (this.#plugins.describe(name) === undefined) throw new FsError('NO_ENTRY', name, 'no such plugin');
    return { kind: 'plugin', scheme: name };
  }

  #lookupResource(path: ResourcePath, caller: Caller): Awaitable<Entry> {
    return chain(this.#names.lookup(path, caller), ({ stat, ttlMs }) =>
      stat === 'unknown' ? this.#entries.ofUnknown(path, ttlMs) : this.#entries.ofResource(path, stat, ttlMs),
    );
  }
}
