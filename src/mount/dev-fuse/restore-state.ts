import type { VirtualFs } from '../virtual-fs.js';
import type { BackingFiles } from './backing-files.js';
import type { Inode, InodeTable } from './inode-table.js';
import { encodeOpen } from './reply-codec.js';
import type { SavedState } from './state-journal.js';

interface Restored {
  readonly vfs: VirtualFs;
  readonly inodes: InodeTable;
  readonly backing: Pick<BackingFiles, 'restore'>;
}

/**
 * Restores what the kernel holds by an earlier process. Returns the replies with handles, by the request that each is to: the
 * kernel may not have got the last one.
 */
export function restoreState(state: SavedState, { vfs, inodes, backing }: Restored): Map<number, Uint8Array> {
  const { kept } = vfs;
  const replies = new Map<number, Uint8Array>();
  inodes.restore(state.nodes, state.lastId, (parent, saved) => kept.restoreEntry(parent, saved.name, saved));
  const opened = (nodeId: number): Inode | undefined => {
    const inode = inodes.peek(nodeId);
    if (inode !== undefined) inode.opens += 1;
    return inode;
  };
  for (const { handle, nodeId, unique, flags, backingId, version } of state.files) {
    const inode = opened(nodeId);
    if (inode === undefined) continue;
    kept.restoreFile(handle, inode.node, version ?? undefined);
    backing.restore(nodeId, handle, backingId);
    replies.set(unique, encodeOpen(handle, flags, backingId));
  }
  for (const { handle, nodeId, unique, content } of state.directories) {
    const inode = opened(nodeId);
    if (inode === undefined) continue;
    kept.restoreDirectory(handle, inode.node, content);
    replies.set(unique, encodeOpen(handle, 0));
  }
  for (const { caller, url } of state.intents) kept.restoreIntent(caller, url);
  return replies;
}
