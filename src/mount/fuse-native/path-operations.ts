/**
 * `VirtualFs` for a transport that has only paths. libfuse 2 does not distinguish LOOKUP from GETATTR and reports no caller: a path
 * with open handles is a file; a bare stat of a name without metadata queries the source if it has a file extension, and shows a
 * directory otherwise. Names that are not UTF-8 are listed with their bytes as `%XX`, since fuse-native passes strings.
 */
import { constants } from 'node:fs';

import { hasEscapedBytes } from '../../source/index.js';
import type { Attr } from '../attr.js';
import type { Caller } from '../caller.js';
import { noAttribute } from '../extended-attributes.js';
import { FsError } from '../fs-error.js';
import { type Node, type ResourceNode, withGeneration } from '../node.js';
import { type Entry, kept } from '../entry.js';
import { hasFileExtension, segmentOfName } from '../path-name.js';
import type { VirtualFs } from '../virtual-fs.js';
import { PathHandles } from './path-handles.js';

/** Any caller. */
export const ANYBODY_ID = -1;
/** The caller of a path's intermediate names: no intent is kept under this number. */
const WALKER_ID = -2;

export class PathOperations {
  readonly #vfs: VirtualFs;
  readonly #handles = new PathHandles();
  /** fuse-native's readdir does not know which opendir it belongs to: the latest of its path. */
  readonly #latestOpendir = new Map<string, number>();

  constructor(vfs: VirtualFs) {
    this.#vfs = vfs;
  }

  async getattr(path: string, caller: Caller): Promise<Attr> {
    const open = this.#handles.openAs(path);
    if (open !== undefined) return open.attr;
    const { node, attr } = await this.#resolve(path, caller);
    if (node.kind !== 'resource' || node.type !== 'unknown') return this.#handles.openAs(path)?.attr ?? attr;
    if (!hasFileExtension(node.path.name)) return attr;
    const queried = await this.#attrOf(node, caller);
    // It may have been opened meanwhile, as an older version than was found.
    return this.#handles.openAs(path)?.attr ?? queried;
  }

  async #attrOf(node: ResourceNode, caller: Caller): Promise<Attr> {
    try {
      return await this.#vfs.getattr(node, caller);
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== 'RETRY_LOOKUP') throw error;
      return await this.#vfs.getattr({ ...node, type: 'file' }, caller);
    }
  }

  async access(path: string, mask: number, caller: Caller): Promise<void> {
    await this.#vfs.access((await this.#resolve(path, caller)).node, mask, caller);
  }

  async open(path: string, caller: Caller): Promise<number> {
    const found = this.#handles.openAs(path) ?? (await this.#resolve(path, caller));
    const node = asFile(found.node);
    const { id, size, generation } = await this.#vfs.open(node, caller);
    try {
      // libfuse 2 has no direct I/O per file: the kernel must know the size before it reads.
      const sizeBytes = size ?? (await this.#vfs.whenSizeKnown(id, caller));
      const { attr } = node === found.node ? found : { attr: await this.#vfs.getattr(node, caller) };
      const opened = { ...attr, ino: generation.ino, size: sizeBytes };
      this.#handles.add(id, path, { node: withGeneration(node, generation), attr: opened });
      return id;
    } catch (error) {
      this.#vfs.release(id);
      throw error;
    }
  }

  release(id: number): void {
    this.#handles.remove(id);
    this.#vfs.release(id);
  }

  async opendir(path: string, flags: number, caller: Caller): Promise<number> {
    const { node } = await this.#resolve(path, caller);
    const id = await this.#vfs.opendir(node, (flags & constants.O_DIRECTORY) !== 0, caller);
    this.#latestOpendir.set(path, id);
    return id;
  }

  async readdir(path: string, caller: Caller): Promise<string[]> {
    const id = this.#latestOpendir.get(path);
    const entries = await this.#vfs.listDirectory(id ?? (await this.#resolve(path, caller)).node, caller);
    return ['.', '..', ...entries.map(({ name }) => (hasEscapedBytes(name) ? segmentOfName(name) : name))];
  }

  releasedir(path: string, id: number): void {
    if (this.#latestOpendir.get(path) === id) this.#latestOpendir.delete(path);
    this.#vfs.releasedir(id);
  }

  async getxattr(path: string, name: string, caller: Caller): Promise<Uint8Array> {
    // ls and cp query foreign attributes of every file: not worth a lookup.
    if (!name.startsWith('user.d7y.')) throw noAttribute(path, name);
    return await this.#vfs.getxattr((await this.#resolve(path, caller)).node, name, caller);
  }

  async listxattr(path: string, caller: Caller): Promise<readonly string[]> {
    return await this.#vfs.listxattr((await this.#resolve(path, caller)).node, caller);
  }

  async #resolve(path: string, caller: Caller): Promise<Entry> {
    const names = path.split('/').filter((name) => name !== '');
    const last = names.pop();
    let parent = this.#vfs.root;
    for (const name of names)
      parent = (await this.#vfs.lookup(parent, name, { ...caller, id: WALKER_ID })).node;
    if (last !== undefined) return await this.#vfs.lookup(parent, last, caller);
    return kept(parent, await this.#vfs.getattr(parent, caller), 0);
  }
}

/** The kernel opens a path only after it was shown a file there. */
function asFile(node: Node): Node {
  return node.kind === 'resource' && node.type !== 'file' ? { ...node, type: 'file' } : node;
}
