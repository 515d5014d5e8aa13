/**
 * The filesystem, without FUSE: promises and typed errors; no callback, no errno, no path string.
 *
 * Operations work on nodes and are told who calls. A resource has no type until it is used (a URL does not
 * tell, and the kernel does not say whether the name it looks up is the last one), so:
 *
 * - `lookup` of a name whose type nobody knows answers *directory* and asks nobody. The attributes are not to be
 *   cached, and the name only where something is listed below it.
 * - `getattr`, or `opendir` that does not insist on a directory, is use as the last name: the source is
 *   asked. There is none: NOT_FOUND. It is a directory: answered. It is a file: WALK_AGAIN, and for this
 *   caller the name is a file (`FileIntents`); the kernel repeats the walk and finds it.
 * - `opendir` that insists, and `access`, mean a directory; `getattr` of the one who has opened it so, too.
 */
import type { Consume, ListedEntry, ResourceCache, ResourceStat } from '../cache/resource-cache.js';
import { MetadataBudget } from '../memory/metadata-budget.js';
import { type Attr, makeAttr, type Ownership } from './attr.js';
import { DirectoryHandles } from './directory-handles.js';
import { DirectoryReader, type DirEntry } from './directory-reader.js';
import { type Entry, kept } from './entry.js';
import { xattrNames, xattrValue } from './extended-attributes.js';
import { FileIntents } from './file-intents.js';
import { FsError, walkAgain } from './fs-error.js';
import { HandleTable } from './handle-table.js';
import { InodeNumbers } from './inode-numbers.js';
import { identityOf, isDirectory, type Node, pathOf, type ResourceNode } from './node.js';
import { type OpenFile, openPluginFile, openResourceFile, pluginJson } from './open-file.js';
import { type PluginCatalog } from './plugin-catalog.js';
import { ResourcePath } from './resource-path.js';
import { SiblingListing } from './sibling-listing.js';

/** Who asks. */
export interface Caller {
  /** The caller's thread, or 0 where the transport cannot tell. */
  readonly id: number;
  /** Fires when the caller was interrupted. */
  readonly signal?: AbortSignal;
}

export interface FileHandle {
  readonly id: number;
  /** Bytes; undefined while the source has not told. */
  readonly size: number | undefined;
  /** Identifies the bytes that the handle reads. */
  readonly version: string;
  /** The inode number of that version. */
  readonly ino: number;
  /** A descriptor of a complete local copy of the version, valid while the handle is open. */
  readonly localFd: number | undefined;
}

export interface VirtualFsContext {
  readonly cache: ResourceCache;
  readonly plugins: PluginCatalog;
  readonly ownership: Ownership;
  /** For what is known of names. */
  readonly budget?: MetadataBudget;
  readonly now?: () => number;
}

/** How long the kernel may keep what never changes by itself. */
const FIXED_TTL_MS = 60_000;

export class VirtualFs {
  readonly root: Node = { kind: 'root' };
  readonly #cache: ResourceCache;
  readonly #plugins: PluginCatalog;
  readonly #ownership: Ownership;
  readonly #inodes: InodeNumbers;
  readonly #intents: FileIntents;
  readonly #files = new HandleTable<OpenFile>();
  readonly #directories = new DirectoryHandles();
  readonly #directoryReader: DirectoryReader;
  readonly #siblings: SiblingListing;
  /** Called when a resource turns out to have changed or gone, with its URL. */
  onChanged: (url: string) => void = () => undefined;

  constructor(context: VirtualFsContext) {
    this.#cache = context.cache;
    this.#plugins = context.plugins;
    this.#ownership = context.ownership;
    const { budget = MetadataBudget.beside(0) } = context;
    this.#inodes = new InodeNumbers(context.now, budget);
    this.#intents = new FileIntents(context.now);
    this.#directoryReader = new DirectoryReader(context.cache, context.plugins, budget);
    this.#siblings = new SiblingListing(context.cache, context.now, budget);
    this.#cache.onChanged = (url) => this.onChanged(url);
  }

  async lookup(parent: Node, name: string, caller: Caller): Promise<Entry> {
    switch (parent.kind) {
      case 'root':
        return this.#fixed(name === '.plugins' ? { kind: 'plugins' } : await this.#schemeNode(name));
      case 'plugins':
        await this.#plugins.refresh?.();
        if (this.#plugins.describe(name) === undefined) throw new FsError('NO_ENTRY', name, 'no such plugin');
        return this.#fixed({ kind: 'plugin', scheme: name });
      case 'scheme': {
        const path = ResourcePath.ofHost(parent.scheme, name);
        return this.#fixed({ kind: 'resource', type: 'directory', path });
      }
      case 'resource':
        if (parent.type === 'file') throw new FsError('NOT_DIRECTORY', pathOf(parent), 'is a file');
        return await this.#lookupResource(parent.path.child(name), caller);
      case 'plugin':
        throw new FsError('NOT_DIRECTORY', pathOf(parent), 'is a file');
    }
  }

  /** What `lookup` would answer without asking anybody; undefined if it would have to ask. */
  peekEntry(parent: Node, name: string): Entry | undefined {
    if (parent.kind !== 'resource') return undefined;
    const path = parent.path.child(name);
    const known = this.#cache.peek(path.url, parent.path.url);
    if (known?.isListed !== true || typeof known.stat !== 'object') return undefined;
    if (known.stat.kind === 'file' && known.stat.size === undefined) return undefined;
    return this.#entryOf(path, known.stat, known.ttlMs, false);
  }

  /** The caller used a file whose attributes the transport knows: its intent is fulfilled. */
  noteUse(node: Node, caller: Caller): void {
    if (node.kind === 'resource') this.#intents.use(caller.id, node.path.url);
  }

  async getattr(node: Node, caller: Caller): Promise<Attr> {
    if (node.kind !== 'resource') return this.#fixed(node).attr;
    const use = { caller: caller.id, url: node.path.url };
    const isOpenAsDirectory = node.type === 'unknown' && this.#directories.isUsed(use);
    if (node.type === 'directory' || isOpenAsDirectory) return this.#directoryAttr(node.path);
    const stat = await this.#used(node, caller);
    if (stat.kind === 'directory') return this.#directoryAttr(node.path, stat);
    if (node.type === 'unknown') throw this.#wantedAsFile(node.path, caller);
    this.#intents.use(caller.id, node.path.url);
    return this.#fileAttr(node.path, stat);
  }

  /** For access(2) and chdir(2): a name of unknown type is meant as a directory. */
  access(_node: Node, _caller: Caller): Promise<void> {
    return Promise.resolve();
  }

  async open(node: Node, caller: Caller): Promise<FileHandle> {
    const file = await this.#openFile(node, caller);
    const { size, version, localFd } = file;
    const { ino } = this.#inodes.ofFile(identityOf(node), { size, version });
    return { id: this.#files.add(file), size, version, ino, localFd };
  }

  /** Waits until the size of an open file is known; for transports that cannot read without. */
  whenSizeKnown(handle: number, caller: Caller): Promise<number> {
    return this.#files.get(handle).whenSizeKnown(caller.signal);
  }

  /** Hands the bytes of `[offset, offset + length)`, cut at the end of the file, to `consume`, which may look at them only until it returns. */
  async read<Result>(
    handle: number,
    offset: number,
    length: number,
    caller: Caller,
    consume: Consume<Result>,
  ): Promise<Result> {
    return await this.#files.get(handle).read(offset, length, consume, caller.signal);
  }

  /** The first bytes that are there now, perhaps none: valid in this step only. */
  head(handle: number): Uint8Array {
    return this.#files.get(handle).head();
  }

  release(handle: number): void {
    this.#files.remove(handle)?.close();
  }

  /** `mustBeDirectory`: the caller insists (O_DIRECTORY), so that a name of unknown type is one. */
  async opendir(node: Node, mustBeDirectory: boolean, caller: Caller): Promise<number> {
    if (!isDirectory(node)) throw new FsError('NOT_DIRECTORY', pathOf(node), 'is a file');
    const isUnknown = node.kind === 'resource' && node.type === 'unknown';
    if (isUnknown && !mustBeDirectory) {
      const stat = await this.#used(node, caller);
      if (stat.kind === 'file') throw this.#wantedAsFile(node.path, caller);
    }
    const entries = await this.#directoryReader.read(node, caller.signal);
    return this.#directories.add(entries, isUnknown ? { caller: caller.id, url: node.path.url } : undefined);
  }

  /** All entries of an open directory, without `.` and `..`; as they were when it was opened. */
  readdir(handle: number): readonly DirEntry[] {
    return this.#directories.entries(handle);
  }

  /** For transports whose readdir knows no handle. */
  listDirectory(node: Node, caller: Caller): Promise<readonly DirEntry[]> {
    return this.#directoryReader.read(node, caller.signal);
  }

  releasedir(handle: number): void {
    this.#directories.remove(handle);
  }

  async getxattr(node: Node, name: string, caller: Caller): Promise<Uint8Array> {
    return await xattrValue(this.#cache, node, name, caller.signal);
  }

  listxattr(node: Node): readonly string[] {
    return xattrNames(node);
  }

  /** Closes what is still open. */
  async close(): Promise<void> {
    for (const file of this.#files.clear()) file.close();
    this.#directories.clear();
    await this.#cache.close();
  }

  async #openFile(node: Node, caller: Caller): Promise<OpenFile> {
    if (node.kind === 'plugin') return openPluginFile(this.#plugins, node);
    if (node.kind !== 'resource' || node.type !== 'file') {
      throw new FsError('IS_A_DIRECTORY', pathOf(node), 'is a directory');
    }
    this.#intents.use(caller.id, node.path.url);
    const file = await openResourceFile(this.#cache, node.path.url, caller.signal);
    this.#directoryReader.remember(node.path);
    return file;
  }

  async #schemeNode(name: string): Promise<Node> {
    if (/^[a-z][a-z0-9+.-]*$/.test(name) && (await this.#plugins.isServed(name))) {
      return { kind: 'scheme', scheme: name };
    }
    throw new FsError('NO_ENTRY', name, 'no source client for the scheme');
  }

  async #lookupResource(path: ResourcePath, caller: Caller): Promise<Entry> {
    const known = this.#cache.peek(path.url);
    const isWantedAsFile = path.hasQuery || this.#intents.has(caller.id, path.url);
    if (isWantedAsFile || (known?.isListed === true && isFile(known.stat))) {
      return this.#entryOf(
        path,
        await this.#cache.stat(path.url, caller.signal),
        known?.ttlMs ?? 0,
        isWantedAsFile,
      );
    }
    if (typeof known?.stat === 'object' && known.stat.kind === 'directory') {
      return this.#entryOf(path, known.stat, known.ttlMs, false);
    }
    const node: Node = { kind: 'resource', type: 'unknown', path };
    // Where something is listed below, the name may be kept, but not what it is: each use of it asks.
    const nameTtlMs = this.#cache.listingTtlMs(path.url);
    return { node, attr: this.#directoryAttr(path), nameTtlMs, attrTtlMs: 0 };
  }

  #entryOf(path: ResourcePath, stat: ResourceStat, ttlMs: number, isIntent: boolean): Entry {
    const node: ResourceNode = { kind: 'resource', type: stat.kind, path };
    if (stat.kind === 'directory') return kept(node, this.#directoryAttr(path, stat), ttlMs);
    // What is a file to this caller only must be looked up again by the next one.
    const isFixed = !isIntent && stat.size !== undefined;
    return kept(node, this.#fileAttr(path, stat), isFixed ? ttlMs : 0);
  }

  /** The name is used as the last of a path: asks the source what it is. */
  async #used(node: ResourceNode, caller: Caller): Promise<ResourceStat> {
    const stat = await this.#cache.stat(node.path.url, caller.signal);
    this.#directoryReader.remember(node.path);
    return stat;
  }

  #wantedAsFile(path: ResourcePath, caller: Caller): FsError {
    this.#intents.mark(caller.id, path.url);
    this.#siblings.used(path.url);
    return walkAgain(path.path);
  }

  #fixed(node: Node): Entry {
    const identity = identityOf(node);
    if (node.kind !== 'plugin') {
      const { ino, mtimeMs } = this.#inodes.ofDirectory(identity);
      return kept(node, makeAttr('directory', ino, 0, mtimeMs, this.#ownership), FIXED_TTL_MS);
    }
    const { bytes, version } = pluginJson(this.#plugins, node);
    const { ino, mtimeMs } = this.#inodes.ofFile(identity, { version });
    return kept(node, makeAttr('file', ino, bytes.byteLength, mtimeMs, this.#ownership), 0);
  }

  #directoryAttr(path: ResourcePath, stat?: ResourceStat): Attr {
    const { ino, mtimeMs } = this.#inodes.ofDirectory(path.url);
    return makeAttr('directory', ino, 0, stat?.lastModifiedMs ?? mtimeMs, this.#ownership);
  }

  #fileAttr(path: ResourcePath, stat: ResourceStat & { kind: 'file' }): Attr {
    const { ino, mtimeMs } = this.#inodes.ofFile(path.url, {
      size: stat.size,
      mtimeMs: stat.lastModifiedMs,
      mtimePrecisionMs: stat.lastModifiedPrecisionMs,
      version: stat.version?.id,
    });
    return makeAttr('file', ino, stat.size ?? 0, mtimeMs, this.#ownership);
  }
}

function isFile(stat: ListedEntry['stat'] | 'missing'): boolean {
  return stat === 'unknown-file' || (typeof stat === 'object' && stat.kind === 'file');
}
