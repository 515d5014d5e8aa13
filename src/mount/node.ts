import type { FileStat } from '../cache/resource-cache.js';
import type { FileGeneration } from './inode-numbers.js';
import type { ResourcePath } from './resource-path.js';

/**
 * The result of a lookup, which operations work on; a transport keeps nodes under its own numbers.
 * A resource of unknown type is a directory to the kernel until it is used (see `NameResolver`).
 */
export type Node =
  | RootNode
  | RootsNode
  | PluginsNode
  | PluginNode
  | ControlNode
  | ControlFileNode
  | SchemeNode
  | ResourceNode;

export interface RootNode {
  readonly kind: 'root';
}

/** The root of a mount that has several URLs by name (`--root NAME=URL`). A mount of one URL has that directory as its root. */
export interface RootsNode {
  readonly kind: 'roots';
  readonly roots: ReadonlyMap<string, ResourcePath>;
}

/** `/.plugins`. */
export interface PluginsNode {
  readonly kind: 'plugins';
}

/** `/.plugins/<scheme>`. */
export interface PluginNode {
  readonly kind: 'plugin';
  readonly scheme: string;
  readonly generation?: FileGeneration;
}

export const CONTROL_NAME = '.d7y';

/** `/.d7y`. */
export interface ControlNode {
  readonly kind: 'control';
}

/** `/.d7y/<name>`. */
export interface ControlFileNode {
  readonly kind: 'control-file';
  readonly name: string;
  readonly generation?: FileGeneration;
}

/** `/<scheme>`. */
export interface SchemeNode {
  readonly kind: 'scheme';
  readonly scheme: string;
}

/** `/<scheme>/<host>` and everything below it. */
export interface ResourceNode {
  readonly kind: 'resource';
  readonly type: 'directory' | 'file' | 'unknown';
  readonly path: ResourcePath;
  /** Of a file that was looked up. */
  readonly generation?: FileGeneration;
  /** Of a file whose source has no validators: the version of its lookup, which cannot be revalidated. */
  readonly lookedUp?: FileStat;
}

export function isDirectory(node: Node): boolean {
  if (node.kind === 'resource') return node.type !== 'file';
  return !isMade(node);
}

/** A file that the mount makes itself. */
export function isMade(node: Node): node is PluginNode | ControlFileNode {
  return node.kind === 'plugin' || node.kind === 'control-file';
}

/** Of a file, what its inode number belongs to. */
export function generationOf(node: Node): FileGeneration | undefined {
  return node.kind === 'resource' || isMade(node) ? node.generation : undefined;
}

export function withGeneration(node: Node, generation: FileGeneration): Node {
  return node.kind === 'resource' || isMade(node) ? { ...node, generation } : node;
}

/** A resource's URL, else the path of the node. */
export function identityOf(node: Node): string {
  return node.kind === 'resource' ? node.path.url : pathOf(node);
}

/** The path below the mountpoint. */
export function pathOf(node: Node): string {
  switch (node.kind) {
    case 'root':
    case 'roots':
      return '/';
    case 'plugins':
      return '/.plugins';
    case 'plugin':
      return `/.plugins/${node.scheme}`;
    case 'control':
      return `/${CONTROL_NAME}`;
    case 'control-file':
      return `/${CONTROL_NAME}/${node.name}`;
    case 'scheme':
      return `/${node.scheme}`;
    case 'resource':
      return node.path.path;
  }
}
