import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';

import { type Attr, makeAttr } from '../../src/mount/attr.js';
import type { FuseDevice } from '../../src/mount/dev-fuse/fuse-device.js';
import { type Inode, InodeTable } from '../../src/mount/dev-fuse/inode-table.js';
import { KernelNotifier } from '../../src/mount/dev-fuse/kernel-notifier.js';
import { NOTIFY } from '../../src/mount/dev-fuse/protocol.js';
import type { Node } from '../../src/mount/node.js';
import { ResourcePath } from '../../src/mount/resource-path.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const HOST = ResourcePath.ofHost('http', 'h');
let inos = 10;
const attr = (kind: Attr['kind']): Attr => makeAttr(kind, (inos += 1), 0, 0, { uid: 0, gid: 0, umask: 0 });
const nodeOf = (type: 'file' | 'directory', path: ResourcePath): Node => ({ kind: 'resource', type, path });

/** A kernel that holds up notifications of some directories. */
class Kernel implements Pick<FuseDevice, 'notify'> {
  /** As `name in directory`. */
  readonly notified: string[] = [];
  readonly pruned: number[][] = [];
  readonly locked = new Map<number, (() => void)[]>();
  inFlight = 0;
  mostUnderWay = 0;
  onPrune: (ids: number[]) => void = () => undefined;
  onTold: (name: string) => void = () => undefined;

  async notify(message: Uint8Array): Promise<void> {
    const bytes = Buffer.from(message);
    const code = bytes.readInt32LE(4);
    if (code === NOTIFY.PRUNE) {
      const ids = Array.from({ length: bytes.readUInt32LE(16) }, (_, i) => bytes.readUInt32LE(32 + 8 * i));
      this.pruned.push(ids);
      await nextTurn();
      this.onPrune(ids);
    }
    if (code !== NOTIFY.INVAL_ENTRY) return;
    const parent = bytes.readUInt32LE(16);
    this.inFlight += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.inFlight);
    const waiters = this.locked.get(parent);
    if (waiters !== undefined) await new Promise<void>((resolve) => waiters.push(resolve));
    this.inFlight -= 1;
    const name = bytes.toString('utf8', 32, 32 + bytes.readUInt32LE(24));
    this.notified.push(`${name} in ${parent}`);
    this.onTold(name);
  }
}

interface Fixture {
  readonly kernel: Kernel;
  readonly inodes: InodeTable;
  readonly notifier: KernelNotifier;
  /** A directory with so many files `a`, `b`, ... */
  readonly directory: (name: string, files: string) => Inode;
}

function start(budget = new MetadataBudget(1024 * 1024)): Fixture {
  const kernel = new Kernel();
  const inodes = new InodeTable({ kind: 'root' }, attr('directory'), budget);
  const notifier = new KernelNotifier(kernel as unknown as FuseDevice, inodes);
  return {
    kernel,
    inodes,
    notifier,
    directory: (name, files) => {
      const path = HOST.child(name);
      const directory = inodes.refer({ node: nodeOf('directory', path), attr: attr('directory') }, name);
      for (const file of files) {
        inodes.refer({ node: nodeOf('file', path.child(file)), attr: attr('file') }, file, directory);
      }
      return directory;
    },
  };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await nextTurn();
}

test('a notification that waits for the lock of its directory holds up no other directory', async (t) => {
  const { kernel, notifier, directory } = start();
  const [one, two] = [directory('one', 'ab'), directory('two', 'ab')];
  kernel.locked.set(one.id, []);
  for (const url of ['one/a', 'one/b', 'two/a', 'two/b']) notifier.entryChanged(`http://h/${url}`);
  await settle();
  t.deepEqual(kernel.notified, [`a in ${two.id}`, `b in ${two.id}`]);
  const waiters = kernel.locked.get(one.id);
  t.is(waiters?.length, 1, 'one at a time for one directory');
  kernel.locked.delete(one.id);
  for (const wake of waiters ?? []) wake();
  await settle();
  t.deepEqual(kernel.notified.slice(2), [`a in ${one.id}`, `b in ${one.id}`]);
});

test('of a directory that is known to be locked the kernel is notified when it no longer is', async (t) => {
  const { kernel, inodes, notifier, directory } = start();
  const [one, two] = [directory('one', 'a'), directory('two', 'a')];
  one.lockedFor = 1;
  notifier.entryChanged('http://h/one/a');
  notifier.entryChanged('http://h/two/a');
  await settle();
  t.deepEqual(kernel.notified, [`a in ${two.id}`]);
  one.lockedFor = 0;
  inodes.onUnlocked(one);
  await settle();
  t.deepEqual(kernel.notified, [`a in ${two.id}`, `a in ${one.id}`]);
});

test('a directory that is always locked does not put its notifications off for ever, nor take all threads', async (t) => {
  const { kernel, notifier, directory } = start();
  const always = ['one', 'two', 'three'].map((name) => directory(name, 'a'));
  for (const { id } of always) kernel.locked.set(id, []);
  for (const inode of always) inode.lockedFor = 1;
  for (const name of ['one', 'two', 'three']) notifier.entryChanged(`http://h/${name}/a`);
  while (kernel.inFlight === 0) await nextTurn();
  await settle();
  const free = directory('free', 'a');
  notifier.entryChanged('http://h/free/a');
  await settle();
  t.deepEqual(kernel.notified, [`a in ${free.id}`]);
  t.is(kernel.inFlight, 1);
  t.is(kernel.mostUnderWay, 2);
});

test('names of a directory that is locked by their lookups are dropped when it is unlocked', async (t) => {
  const { kernel, inodes, notifier, directory } = start(new MetadataBudget(60_000));
  notifier.agree(40);
  const parent = directory('parent', '');
  const lookUp = (name: string): Inode => {
    parent.lockedFor = 1;
    const path = HOST.child('parent').child(name);
    const inode = inodes.refer({ node: nodeOf('file', path), attr: attr('file') }, name, parent);
    parent.lockedFor = 0;
    inodes.onUnlocked(parent);
    return inode;
  };
  for (let i = 0; i < 100; i += 1) lookUp(`${i}`);
  await settle();
  t.true(kernel.notified.length > 0);
  notifier.stop();
});

test('to forget a name nothing waits for the lock of a directory', async (t) => {
  const { kernel, inodes, notifier, directory } = start(new MetadataBudget(200_000));
  notifier.agree(40);
  const [unused, changed] = [directory('unused', 'abcdefgh'.repeat(10)), directory('changed', 'ab')];
  unused.lockedFor = changed.lockedFor = 1;
  for (let i = 0; !inodes.isFull; i += 1) directory(`${i}`, '');
  notifier.entryChanged('http://h/changed/a');
  while (kernel.notified.length === 0) await nextTurn();
  await settle();
  t.true(kernel.notified.includes(`a in ${changed.id}`));
  t.false(kernel.notified.some((change) => change.endsWith(` in ${unused.id}`)));
  unused.lockedFor = 0;
  inodes.onUnlocked(unused);
  await settle();
  t.true(kernel.notified.some((change) => change.endsWith(` in ${unused.id}`)));
  notifier.stop();
});

test('the kernel is made to forget what it uses least, directories too, down to what there is room for', async (t) => {
  const { kernel, inodes, notifier, directory } = start(new MetadataBudget(200_000));
  notifier.agree(45);
  kernel.onPrune = (ids) => {
    for (const id of ids) inodes.forget(id, 1);
  };
  const used = directory('used', 'a');
  used.opens = 1;
  for (let i = 0; i < 1_000; i += 1) {
    directory(`${i}`, 'ab');
    if (i % 50 === 0) await settle();
  }
  while (inodes.isFull) await nextTurn();
  t.true(inodes.size < 150, `${inodes.size} of 3,002 are left`);
  t.is(inodes.get(used.id), used);
  t.deepEqual(kernel.notified, [], 'no lock was waited for');
  notifier.stop();
});

test('a kernel without FUSE_NOTIFY_PRUNE drops names, but none of a directory that was entered', async (t) => {
  const { kernel, inodes, notifier, directory } = start(new MetadataBudget(60_000));
  notifier.agree(40);
  const parent = directory('parent', '');
  const below = (name: string): Inode => {
    const path = HOST.child('parent').child(name);
    return inodes.refer({ node: nodeOf('directory', path), attr: attr('directory') }, name, parent);
  };
  const entered = below('entered');
  entered.wasEntered = true;
  const dropped = Array.from({ length: 100 }, (_, i) => below(`${i}`));
  kernel.onTold = (name) => {
    const inode = dropped[Number(name)];
    if (inode !== undefined) inodes.forget(inode.id, 1);
  };
  while (inodes.isFull) await nextTurn();
  await settle();
  t.deepEqual(kernel.pruned, []);
  t.true(kernel.notified.length > 50);
  t.false(kernel.notified.some((change) => change.startsWith('entered')));
  t.is(inodes.get(entered.id), entered);
  notifier.stop();
});
