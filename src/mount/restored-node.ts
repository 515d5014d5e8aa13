import { FsError } from './fs-error.js';
import type { FileGeneration } from './inode-numbers.js';
import { type Node, pathOf } from './node.js';
import type { PluginCatalog } from './plugin-catalog.js';
import { ResourcePath } from './resource-path.js';

/** What is kept of an entry that the kernel has, for the next process. */
export interface SavedEntry {
  readonly type: 'directory' | 'unknown' | 'file';
  /** Of a file. */
  readonly generation?: FileGeneration | undefined;
  readonly size?: number;
  /** Of a file: as in `Attr`. */
  readonly mode?: number | undefined;
}

/** The node that a lookup in an earlier process led to. Queries nothing. Throws an `FsError` where no lookup leads to it. */
export function restoredNode(
  parent: Node,
  name: string,
  { type, generation }: SavedEntry,
  plugins: PluginCatalog,
): Node {
  const made = generation === undefined ? {} : { generation };
  switch (parent.kind) {
    case 'root':
      if (name === '.plugins') return { kind: 'plugins' };
      return name === '.d7y' ? { kind: 'control' } : { kind: 'scheme', scheme: name };
    case 'roots': {
      const path = parent.roots.get(name);
      if (path === undefined) throw new FsError('NO_ENTRY', name, 'the mount has no such root');
      return { kind: 'resource', type: 'directory', path };
    }
    case 'plugins':
      return { kind: 'plugin', scheme: name, ...made };
    case 'control':
      return { kind: 'control-file', name, ...made };
    case 'scheme': {
      const path = ResourcePath.ofHost(parent.scheme, name, plugins.capabilitiesOf?.(parent.scheme));
      return { kind: 'resource', type: 'directory', path };
    }
    case 'resource':
      return { kind: 'resource', type, path: parent.path.child(name), ...made };
    case 'plugin':
    case 'control-file':
      throw new FsError('NOT_DIRECTORY', pathOf(parent), 'is a file');
  }
}
