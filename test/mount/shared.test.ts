/** A mount that several users share (`--allow-other`), distinguished by uid. */
import test from 'ava';

import { RequestCaller } from '../../src/mount/dev-fuse/request-caller.js';
import type { Node } from '../../src/mount/node.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { ListNotSupportedError, uidOf } from '../../src/source/index.js';
import { MEMORY_PLUGINS, MemoryResources } from '../support/memory-resources.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const ALICE = 1001;
const BOB = 1002;

test('the signal of a request has the uid of its caller', (t) => {
  t.is(uidOf(new RequestCaller(1, ALICE).signal), ALICE);
  t.is(uidOf(new RequestCaller(1, undefined).signal), undefined);
  t.is(uidOf(undefined), undefined);
});

// S15
test('hosts, and names where nothing is listed, are shown to who used them', async (t) => {
  const cache = new MemoryResources(false);
  cache.openListing = (url) => Promise.reject(new ListNotSupportedError(url));
  const file = { bytes: Buffer.from('x'), etag: '"1"' };
  for (const host of ['alice', 'bob']) cache.files.set(`mem://${host}/a/secret`, file);
  const vfs = new VirtualFs({
    cache,
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget: MetadataBudget.beside(0),
  });
  const caller = (uid: number): RequestCaller => new RequestCaller(1, uid);
  const walk = async (uid: number, names: readonly string[]): Promise<Node> => {
    let { root: node } = vfs;
    for (const name of names) ({ node } = await vfs.lookup(node, name, caller(uid)));
    return node;
  };
  const list = async (uid: number, names: readonly string[]): Promise<string[]> => {
    const handle = await vfs.opendir(await walk(uid, names), true, caller(uid));
    return (await vfs.listDirectory(handle, caller(uid))).map(({ name }) => name);
  };
  // A file after all, whose path is to be walked again.
  for (const [uid, host] of [
    [ALICE, 'alice'],
    [BOB, 'bob'],
  ] as const) {
    await vfs.getattr(await walk(uid, ['mem', host, 'a', 'secret']), caller(uid)).catch(() => undefined);
  }
  t.deepEqual(await list(ALICE, ['mem']), ['alice']);
  t.deepEqual(await list(BOB, ['mem']), ['bob']);
  t.deepEqual(await list(0, ['mem']), []);
  t.deepEqual(await list(ALICE, ['mem', 'alice', 'a']), ['secret']);
  t.deepEqual(await list(BOB, ['mem', 'alice', 'a']), []);
});
