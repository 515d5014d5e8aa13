import { IN_TREE } from '../../src/source/in-tree.js';

/** The schemes that the tree serves, as they are shown: sorted. */
export const SCHEMES_IN_TREE = IN_TREE.flatMap(({ schemes }) => schemes).toSorted();

/** What `ls` shows of them and of these others. */
export function listedWith(...others: readonly string[]): string {
  return [...SCHEMES_IN_TREE, ...others]
    .toSorted()
    .map((scheme) => `${scheme}\n`)
    .join('');
}
