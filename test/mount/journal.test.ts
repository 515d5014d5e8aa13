/** What the next process reads of a mount (docs/ARCHITECTURE.md, "The journal"). */
import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';

import test from 'ava';

import { Journal, type JournalRecord, readJournal } from '../../src/mount/dev-fuse/journal.js';
import { journalFiles, KeptServer, nextServer, nextState } from '../support/kept-memory.js';
import { MemoryResources } from '../support/memory-resources.js';

const FACTS = { device: '0:1' };

function resourcesOf(...names: string[]): MemoryResources {
  const resources = new MemoryResources();
  for (const name of names)
    resources.files.set(`mem://h/${name}`, { bytes: Buffer.from(`bytes of ${name}`), etag: '"1"' });
  return resources;
}

test('a line that a process did not finish is passed over, and written over', (t) => {
  const files = journalFiles(t);
  const journal = Journal.begin(files, FACTS);
  journal.append(['l', 2, 1]);
  journal.flush();
  const { size } = fstatSync(files[0]);
  writeSync(files[0], '["n",3,1,"na', size);
  const found = readJournal(files);
  t.deepEqual(found?.records, [['done'], ['l', 2, 1]]);
  t.like(found?.header, { format: 1, segment: 1, facts: FACTS });
  if (found === undefined) return;
  const next = Journal.resume(files, found);
  next.append(['l', 4, 1]);
  next.flush();
  t.deepEqual(readJournal(files)?.records, [['done'], ['l', 2, 1], ['l', 4, 1]]);
});

test('a journal that grew is replaced by the state, and what is written meanwhile is in it', async (t) => {
  const files = journalFiles(t);
  const journal = Journal.begin(files, FACTS);
  while (!journal.isLong) {
    journal.append(['l', 2, 1]);
    journal.flush();
  }
  const found: JournalRecord[][] = [];
  function* state(): Generator<JournalRecord> {
    for (let id = 0; id < 20_000; id += 1) {
      if (id === 10_000) {
        journal.append(['l', 7, 1]);
        // A process that is killed now leaves the old one.
        found.push([...(readJournal(files)?.records.slice(0, 3) ?? [])]);
      }
      yield ['n', id, 1, 'name', 'directory', 1];
    }
  }
  await journal.compact(state());
  t.deepEqual(found, [[['done'], ['l', 2, 1], ['l', 2, 1]]]);
  journal.append(['l', 8, 1]);
  journal.flush();
  const { records = [], header } = readJournal(files) ?? {};
  t.is(header?.segment, 2);
  t.is(records.filter(([kind]) => kind === 'n').length, 20_000);
  t.deepEqual(
    records.filter(([kind]) => kind === 'l').map(([, id]) => id),
    [7, 8],
  );
  t.is(fstatSync(files[0]).size, 0, 'the old one is gone');
  t.false(journal.isLong);
});

test('a journal that cannot be written is empty', async (t) => {
  const [file] = journalFiles(t);
  const files = [file, openSync('/dev/full', 'r+')] as const;
  t.teardown(() => closeSync(files[1]));
  writeSync(file, `${JSON.stringify(['d7y-mount', { format: 1, segment: 1, facts: FACTS }])}\n["done"]\n`);
  const found = readJournal(files);
  if (found === undefined) throw new Error('no journal');
  const journal = Journal.resume(files, found);
  const failures: unknown[] = [];
  journal.onFailed = (error) => failures.push(error);
  await journal.compact([]);
  t.is(failures.length, 1);
  journal.append(['l', 2, 1]);
  journal.flush();
  t.is(readJournal(files), undefined);
  t.false(journal.isLong);
});

// S160
test('the next process knows the numbers of the kernel, and reads on', async (t) => {
  const resources = resourcesOf('a.bin', 'd/b.bin');
  const files = journalFiles(t);
  const first = new KeptServer(resources, Journal.begin(files, FACTS));
  const file = await first.lookup('mem/h/a.bin');
  const below = await first.lookup('mem/h/d/b.bin');
  const handle = await first.open(file.nodeId, { unique: 6 });
  const next = nextServer(resources, files);
  t.is(await next.open(file.nodeId, { unique: 6, isResent: true }), handle, 'its reply was lost');
  t.not(await next.open(file.nodeId, { unique: 8, isResent: true }), handle);
  t.is(await next.read(file.nodeId, handle, 6), 'of a.bin');
  t.deepEqual(await next.lookup('mem/h/a.bin'), file);
  t.deepEqual(await next.lookup('mem/h/d/b.bin'), below);
  t.deepEqual(next.vfs.openHandles, { files: 2, directories: 0 });
  await next.release(file.nodeId, handle);
  await next.release(file.nodeId, handle);
  t.is(next.operations.inodes.get(file.nodeId).opens, 1, 'a release that comes twice counts once');
});

// S160
test('an open file keeps its permissions', async (t) => {
  const resources = resourcesOf('a.bin');
  const bytes = Buffer.from('bytes of a.bin');
  resources.files.set('mem://h/a.bin', { bytes, etag: '"1"', permissions: 0o155 });
  const files = journalFiles(t);
  const first = new KeptServer(resources, Journal.begin(files, FACTS));
  const { nodeId } = await first.lookup('mem/h/a.bin');
  await first.open(nodeId);
  resources.files.set('mem://h/a.bin', { bytes, etag: '"1"' });
  t.is(await nextServer(resources, files).modeOf(nodeId), 0o100_555);
  // Until its name is looked up again.
  await first.lookup('mem/h/a.bin');
  t.is(await nextServer(resources, files).modeOf(nodeId), 0o100_444);
});

// S160
test('a file that changed meanwhile is stale for its handle, and a new file for others', async (t) => {
  const resources = resourcesOf('a.bin');
  const files = journalFiles(t);
  const first = new KeptServer(resources, Journal.begin(files, FACTS));
  const file = await first.lookup('mem/h/a.bin');
  const handle = await first.open(file.nodeId);
  resources.files.set('mem://h/a.bin', { bytes: Buffer.from('bytes of a.new'), etag: '"2"' });
  const next = nextServer(resources, files);
  t.is(await next.read(file.nodeId, handle), 'ESTALE');
  const now = await next.lookup('mem/h/a.bin');
  t.not(now.nodeId, file.nodeId);
  t.not(now.ino, file.ino);
  resources.files.set('mem://h/a.bin', { bytes: Buffer.from('bytes of a.newer'), etag: '"3"' });
  const third = nextServer(resources, files);
  t.false([file.ino, now.ino].includes((await third.lookup('mem/h/a.bin')).ino), 'no number is used again');
});

test('numbers of nodes are never used again', async (t) => {
  const resources = resourcesOf('a.bin', 'b.bin');
  const files = journalFiles(t);
  const first = new KeptServer(resources, Journal.begin(files, FACTS));
  const { nodeId } = await first.lookup('mem/h/a.bin');
  first.operations.forget({ nodeId, lookups: 1 });
  first.journal.flush();
  const next = nextServer(resources, files);
  t.is(next.operations.inodes.peek(nodeId), undefined);
  t.true((await next.lookup('mem/h/b.bin')).nodeId > nodeId);
});

test('a file in a directory that the kernel has forgotten is still known', async (t) => {
  const resources = resourcesOf('d/e/a.bin');
  const files = journalFiles(t);
  const journal = Journal.begin(files, FACTS);
  const first = new KeptServer(resources, journal);
  const { nodeId } = await first.lookup('mem/h/d/e/a.bin');
  const handle = await first.open(nodeId);
  for (const path of ['mem/h/d/e', 'mem/h/d']) {
    const { nodeId: directory } = await first.lookup(path);
    first.operations.forget({ nodeId: directory, lookups: first.operations.inodes.get(directory).lookups });
  }
  first.journal.flush();
  t.is(await nextServer(resources, files).read(nodeId, handle), 'bytes of d/e/a.bin');
  await first.journal.compact();
  t.is(nextState(files).nodes.filter(({ lookups }) => lookups === 0).length, 2);
  t.is(await nextServer(resources, files).read(nodeId, handle), 'bytes of d/e/a.bin');
});

// S160
test('the next process knows what a name turned out to be', async (t) => {
  const resources = resourcesOf('d/a.bin');
  const files = journalFiles(t);
  const first = new KeptServer(resources, Journal.begin(files, FACTS));
  const { nodeId } = await first.lookup('mem/h/d');
  t.is(nextState(files).nodes.find(({ id }) => id === nodeId)?.type, 'unknown');
  const { node, attr, name, parent } = first.operations.inodes.get(nodeId);
  if (node.kind !== 'resource') return t.fail();
  first.operations.inodes.refer({ node: { ...node, type: 'directory' }, attr }, name, parent);
  first.journal.flush();
  const saved = nextState(files).nodes.find(({ id }) => id === nodeId);
  t.like(saved, { type: 'directory', lookups: 2 });
});

// S161
test('a listing goes on where it was', async (t) => {
  const many = Array.from({ length: 1_500 }, (_, i) => `many/file-${1_000 + i}`);
  const resources = resourcesOf('few/a', 'few/b', ...many);
  const files = journalFiles(t);
  const first = new KeptServer(resources, Journal.begin(files, FACTS));
  const few = await first.lookup('mem/h/few');
  const fewHandle = await first.opendir(few.nodeId);
  const { nodeId } = await first.lookup('mem/h/many');
  const handle = await first.opendir(nodeId);
  const begun = await first.readdir(nodeId, handle, 0, 4_096);
  const next = nextServer(resources, files);
  const rest = await next.readdir(nodeId, handle, begun.length);
  t.deepEqual([...begun, ...rest], ['.', '..', ...many.map((name) => name.slice(5))]);
  resources.files.delete('mem://h/few/a');
  resources.files.delete('mem://h/many/file-1003');
  t.deepEqual(await nextServer(resources, files).readdir(few.nodeId, fewHandle, 2), ['b']);
  t.deepEqual(await nextServer(resources, files).readdir(nodeId, handle, begun.length), ['ESTALE']);
  t.is(
    (await nextServer(resources, files).readdir(nodeId, handle, 2)).length,
    1_499,
    'from the start it is listed anew',
  );
});

test('wherever a process was killed while it wrote, what it wrote before is read', async (t) => {
  const resources = resourcesOf(...Array.from({ length: 6 }, (_, i) => `d${i % 2}/file-${i}`));
  const files = journalFiles(t);
  const server = new KeptServer(resources, Journal.begin(files, FACTS));
  const { size: firstBytes } = fstatSync(files[0]);
  for (let i = 0; i < 6; i += 1) {
    const { nodeId } = await server.lookup(`mem/h/d${i % 2}/file-${i}`);
    const handle = await server.open(nodeId);
    if (i % 3 === 0) await server.release(nodeId, handle);
  }
  server.journal.flush();
  const whole = readJournal(files)?.records ?? [];
  for (let { size } = fstatSync(files[0]); size >= firstBytes; size -= 1) {
    ftruncateSync(files[0], size);
    const { records = [] } = readJournal(files) ?? {};
    t.deepEqual(records, whole.slice(0, records.length), `${size} bytes`);
    t.notThrows(() => nextServer(resources, files));
  }
  t.is(readJournal(files)?.records.length, 1);
});
