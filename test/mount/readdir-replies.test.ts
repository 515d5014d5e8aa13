import test from 'ava';

import { makeAttr } from '../../src/mount/attr.js';
import { directoryOf } from '../../src/mount/open-directory.js';
import { ReaddirReplies } from '../../src/mount/dev-fuse/readdir-replies.js';
import { DIRENT_BYTES } from '../../src/mount/dev-fuse/dirent-buffer.js';
import { type Inode, InodeTable } from '../../src/mount/dev-fuse/inode-table.js';
import { ROOT_ID } from '../../src/mount/dev-fuse/protocol.js';
import { ENTRY_BYTES } from '../../src/mount/dev-fuse/reply-codec.js';
import type { Node } from '../../src/mount/node.js';
import { ResourcePath } from '../../src/mount/resource-path.js';
import { type Entry, kept } from '../../src/mount/entry.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { FakeKernel } from '../support/fake-kernel.js';
import { MEMORY_PLUGINS, MemoryResources } from '../support/memory-resources.js';

const OWNERSHIP = { uid: 0, gid: 0, umask: 0 };
const ROOT: Node = { kind: 'root' };
const HANDLE = 7;

interface Listed {
  readonly name: string;
  readonly nodeId: number;
  readonly size: number;
}

/** The `fuse_direntplus` of a reply. */
function decode(reply: Uint8Array): Listed[] {
  const bytes = Buffer.from(reply);
  const found: Listed[] = [];
  for (let at = 0; at < bytes.length;) {
    const nameBytes = bytes.readUInt32LE(at + ENTRY_BYTES + 16);
    const nameAt = at + ENTRY_BYTES + DIRENT_BYTES;
    const name = bytes.toString('utf8', nameAt, nameAt + nameBytes);
    found.push({ name, nodeId: bytes.readUInt32LE(at), size: bytes.readUInt32LE(at + 48) });
    at = nameAt + ((nameBytes + 7) & ~7);
  }
  return found;
}

/** A directory of files, of which every fifth would need a query. */
function directory(count: number): { replies: ReaddirReplies; inodes: InodeTable; root: Inode } {
  const parent = ResourcePath.ofHost('http', 'h');
  const listed = directoryOf(
    Array.from({ length: count }, (_, i) => ({ name: `f${i}`, kind: 'file' as const })),
  );
  const peekEntry = (_parent: Node, name: string): Entry | undefined => {
    const i = Number(name.slice(1));
    if (i % 5 === 0) return undefined;
    const attr = makeAttr('file', 1000 + i, i, 0, OWNERSHIP);
    return kept({ kind: 'resource', type: 'file', path: parent.child(name) }, attr, 1000);
  };
  const inodes = new InodeTable(ROOT, makeAttr('directory', 1, 0, 0, OWNERSHIP), MetadataBudget.beside(0));
  return {
    replies: new ReaddirReplies({ readdir: () => listed, peekEntry }, inodes),
    inodes,
    root: inodes.get(ROOT_ID),
  };
}

for (const size of [400, 4096, 128 * 1024]) {
  test(`each entry is in one reply, and counted once: ${size} bytes`, (t) => {
    const { replies, inodes, root } = directory(3_000);
    const found: Listed[] = [];
    for (;;) {
      const entries = decode(replies.entries(root, { handle: HANDLE, offset: found.length, size }));
      if (entries.length === 0) break;
      found.push(...entries);
    }
    t.deepEqual(
      found.slice(0, 2).map(({ name }) => name),
      ['.', '..'],
    );
    t.is(found.length, 3_002);
    for (const [i, { name, nodeId, size: fileSize }] of found.slice(2).entries()) {
      if (name !== `f${i}`) t.fail(`${name} instead of f${i}`);
      if (i % 5 === 0) {
        if (nodeId !== 0) t.fail(`${name} has an inode without a lookup`);
      } else {
        const inode = inodes.get(nodeId);
        if (inode.name !== name || inode.lookups !== 1 || fileSize !== i)
          t.fail(`${name} is not looked up once`);
      }
    }
    t.is(inodes.size, 1 + 2_400);
  });
}

test('a reader that goes back gets the same entries', (t) => {
  const { replies, root } = directory(1_000);
  const first = decode(replies.entries(root, { handle: HANDLE, offset: 0, size: 128 * 1024 }));
  const again = decode(replies.entries(root, { handle: HANDLE, offset: 0, size: 128 * 1024 }));
  t.deepEqual(again, first);
  const [third] = decode(replies.entries(root, { handle: HANDLE, offset: 3, size: 400 }));
  t.is(third?.name, 'f1');
});

test('a READDIR that waits is not read again: by then its memory has another request', async (t) => {
  const resources = new MemoryResources(true);
  for (const name of ['a', 'b', 'c'])
    resources.files.set(`mem://h/d/${name}`, { bytes: Buffer.from('x'), etag: '"1"' });
  resources.openListing = async (url) => {
    const listing = await MemoryResources.prototype.openListing.call(resources, url);
    const come = new Set<number>();
    const whenAt = (place: number): Promise<void> | undefined =>
      come.has(place) ? undefined : Promise.resolve().then(() => void come.add(place));
    return { ...listing, whenAt };
  };
  const budget = MetadataBudget.beside(0);
  const vfs = new VirtualFs({ cache: resources, plugins: MEMORY_PLUGINS, ownership: OWNERSHIP, budget });
  t.deepEqual(await new FakeKernel(vfs).list('mem/h/d'), ['a', 'b', 'c']);
});
