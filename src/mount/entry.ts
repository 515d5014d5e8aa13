import type { Attr } from './attr.js';
import type { Node } from './node.js';

/** What a LOOKUP answers. */
export interface Entry {
  readonly node: Node;
  readonly attr: Attr;
  /** For how long the kernel may keep what the name leads to; 0: not at all. */
  readonly nameTtlMs: number;
  /** For how long it may keep the attributes. */
  readonly attrTtlMs: number;
}

/** What is one thing whoever uses it, for as long as that holds. */
export function kept(node: Node, attr: Attr, ttlMs: number): Entry {
  return { node, attr, nameTtlMs: ttlMs, attrTtlMs: ttlMs };
}
