import type { DirectoryStat, FileStat, ResourceStat } from '../cache/resource-cache.js';
import { type Attr, makeAttr, type Ownership } from './attr.js';
import { CONTROL_UMASK } from './control-files.js';
import { type Entry, kept } from './entry.js';
import { type FileGeneration, type InodeNumbers, mtimeOf } from './inode-numbers.js';
import type { MadeFiles } from './made-files.js';
import { type ControlFileNode, identityOf, type Node, type PluginNode, type ResourceNode } from './node.js';
import type { ResourcePath } from './resource-path.js';
import type { SavedEntry } from './restored-node.js';

/** How long the kernel may keep what never changes by itself. */
const FIXED_TTL_MS = 60_000;

/** Makes the entries and attributes of nodes. */
export class NodeEntries {
  readonly #inodes: InodeNumbers;
  readonly #made: MadeFiles;
  readonly #ownership: Ownership;
  readonly #controlOwnership: Ownership;

  constructor(inodes: InodeNumbers, made: MadeFiles, ownership: Ownership) {
    this.#inodes = inodes;
    this.#made = made;
    this.#ownership = ownership;
    const { uid, gid } = made.control ?? ownership;
    this.#controlOwnership = { uid, gid, umask: CONTROL_UMASK };
  }

  /** Of what is no resource, or the root of a host. */
  ofFixed(node: Node): Entry {
    switch (node.kind) {
      case 'plugin':
        return this.#ofMade(node, this.#ownership);
      case 'control-file':
        return this.#ofMade(node, this.#controlOwnership);
      case 'control':
        return kept(node, this.#directory(identityOf(node), undefined, this.#controlOwnership), FIXED_TTL_MS);
      case 'root':
      case 'roots':
      case 'plugins':
      case 'scheme':
      case 'resource':
        return kept(node, this.#directory(identityOf(node)), FIXED_TTL_MS);
    }
  }

  #ofMade(node: PluginNode | ControlFileNode, ownership: Ownership): Entry {
    const content = this.#made.contentOf(node);
    const fingerprint = { version: content?.version };
    const generation = this.#inodes.ofFile(identityOf(node), fingerprint, node.generation);
    return kept({ ...node, generation }, this.#file(generation, content?.bytes.byteLength, ownership), 0);
  }

  ofResource(path: ResourcePath, stat: ResourceStat, ttlMs: number): Entry {
    if (stat.kind === 'directory') {
      const attr = this.#directory(path.url, stat);
      return kept({ kind: 'resource', type: 'directory', path }, attr, ttlMs);
    }
    const generation = this.#generationOf(path.url, stat);
    const lookedUp = stat.version?.verifiable === false ? { lookedUp: stat } : {};
    const node: Node = { kind: 'resource', type: 'file', path, generation, ...lookedUp };
    return kept(node, this.#fileOf(generation, stat), stat.size === undefined ? 0 : ttlMs);
  }

  /** Each use of the node must reach the mount: the kernel may keep the name, not the attributes. */
  ofUnknown(path: ResourcePath, nameTtlMs: number): Entry {
    const node: Node = { kind: 'resource', type: 'unknown', path };
    return { node, attr: this.#directory(path.url), nameTtlMs, attrTtlMs: 0 };
  }

  /** The attributes that the kernel was given of it. */
  restoredAttr(node: Node, { generation, size = 0, mode }: SavedEntry): Attr {
    const attr = generation === undefined ? this.#directory(identityOf(node)) : this.#file(generation, size);
    return mode === undefined ? attr : { ...attr, mode };
  }

  /** Without `stat`: of a directory. */
  attrOf({ path, generation }: ResourceNode, stat?: ResourceStat): Attr {
    if (stat?.kind !== 'file') return this.#directory(path.url, stat);
    return this.#fileOf(this.#generationOf(path.url, stat, generation), stat);
  }

  #directory(identity: string, stat?: DirectoryStat, ownership = this.#ownership): Attr {
    const reported = stat && { mtimeMs: stat.lastModifiedMs, permissions: stat.permissions };
    const { ino, mtimeMs, permissions } = this.#inodes.ofDirectory(identity, reported);
    return makeAttr('directory', ino, 0, mtimeMs, ownership, permissions);
  }

  #fileOf(generation: FileGeneration, { size, permissions }: FileStat): Attr {
    return this.#file(generation, size, this.#ownership, permissions);
  }

  #file(
    generation: FileGeneration,
    size: number | undefined,
    ownership = this.#ownership,
    permissions?: number,
  ): Attr {
    return makeAttr('file', generation.ino, size ?? 0, mtimeOf(generation), ownership, permissions);
  }

  #generationOf(url: string, stat: FileStat, expected?: FileGeneration): FileGeneration {
    const fingerprint = {
      size: stat.size,
      mtimeMs: stat.lastModifiedMs,
      mtimePrecisionMs: stat.lastModifiedPrecisionMs,
      version: stat.version?.id,
    };
    return this.#inodes.ofFile(url, fingerprint, expected);
  }
}
