import type { ResourceCache, Waiter } from '../cache/resource-cache.js';
import { FsError } from './fs-error.js';
import { type Node, pathOf, type ResourceNode } from './node.js';

type Reader = (cache: ResourceCache, node: ResourceNode, waiter: Waiter) => Promise<string | undefined>;

/** The extended attributes of resources. */
const OF_ALL: Readonly<Record<string, Reader>> = {
  'user.d7y.url': (_cache, node) => Promise.resolve(node.path.url),
  'user.d7y.source': (_cache, node) => Promise.resolve(node.path.scheme),
};

/**
 * What is listed must be readable, or copies that preserve attributes fail (`cp -a`, `rsync -aX`). And a list costs no
 * request: whether a file has an ETag is not known of one that was only listed. So all files have the attribute.
 */
const OF_FILES: Readonly<Record<string, Reader>> = {
  ...OF_ALL,
  /** Empty: the source sends none, or the file was only listed. */
  'user.d7y.etag': async (cache, node, waiter) => {
    const stat = await cache.stat(node.path.url, waiter);
    return (stat.kind === 'file' ? stat.version?.validators.etag : undefined) ?? '';
  },
  /** How many bytes are cached. */
  'user.d7y.cached': async (cache, node) => String(await cache.cachedBytes(node.path.url)),
};

function attributesOf(node: Node): Readonly<Record<string, Reader>> {
  if (node.kind !== 'resource') return {};
  return node.type === 'file' ? OF_FILES : OF_ALL;
}

export function xattrNames(node: Node): readonly string[] {
  return Object.keys(attributesOf(node));
}

/**
 * Namespaces of Linux of which this file system has nothing. For these, and no others, the errno must say so:
 * `ls -l` requests a label and an ACL of each file, and stops doing so for the whole file system upon
 * ENOTSUP. After ENODATA it goes on, at two requests a file.
 */
const FOREIGN_NAMESPACE = /^(?:security|system|trusted)\./;

/** The error of a file without such an attribute. */
export function noAttribute(path: string, name: string): FsError {
  const code = FOREIGN_NAMESPACE.test(name) ? 'NO_NAMESPACE' : 'NO_ATTRIBUTE';
  return new FsError(code, path, `no attribute ${name}`);
}

/** Throws `noAttribute` for one that the node does not have; sends no request for a foreign one. */
export async function xattrValue(
  cache: ResourceCache,
  node: Node,
  name: string,
  waiter: Waiter,
): Promise<Uint8Array> {
  const attributes = attributesOf(node);
  const read = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  const value = node.kind === 'resource' ? await read?.(cache, node, waiter) : undefined;
  if (value === undefined) throw noAttribute(pathOf(node), name);
  return Buffer.from(value);
}
