import type { Attr } from './attr.js';
import type { Node } from './node.js';

/** The result of a LOOKUP. */
export interface Entry {
  readonly node: Node;
  readonly attr: Attr;
  /** For how long the kernel may keep the name; 0: not at all. */
  readonly nameTtlMs: number;
  /** For how long it may keep the attributes. */
  readonly attrTtlMs: number;
}

/** An entry whose name and attributes the kernel may keep equally long. */
export function kept(node: Node, attr: Attr, ttlMs: number): Entry {
  return { node, attr, nameTtlMs: ttlMs, attrTtlMs: ttlMs };
}
