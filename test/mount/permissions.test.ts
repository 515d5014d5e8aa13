/** Permissions of sources, as the mount shows them: docs/SEMANTICS.md, "Attributes". */
import { constants } from 'node:fs';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { permissionsOf } from '../../src/cache/permissions.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { makeAttr } from '../../src/mount/attr.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { SourceError } from '../../src/source/index.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { FakeKernel, type SystemCallError } from '../support/fake-kernel.js';
import { TreeClient } from '../support/tree-client.js';

function shown(kind: 'file' | 'directory', mode: number | undefined, umask?: number): string {
  const attr = makeAttr(kind, 2, 0, 0, { uid: 1, gid: 1, umask }, permissionsOf(mode));
  return (attr.mode & 0o7777).toString(8);
}

// S28
test('permissions are those of the source, as far as they are of reading and executing', (t) => {
  const files: Readonly<Record<string, readonly (number | undefined)[]>> = {
    444: [undefined, 0o644, 0o444, 0o666],
    555: [0o755, 0o777, 0o7777],
    400: [0, 0o600, 0o200, 0o6200],
    500: [0o700, 0o100],
    440: [0o640, 0o040],
    550: [0o750, 0o050],
    // The login may be of the group, or another: what they may do, the owner may.
    510: [0o610],
    501: [0o601],
    511: [0o711],
  };
  for (const [bits, modes] of Object.entries(files)) {
    for (const mode of modes) t.is(shown('file', mode), bits, `${mode?.toString(8)}`);
  }
  const directories: Readonly<Record<string, readonly (number | undefined)[]>> = {
    555: [undefined, 0o755, 0o1777, 0o2775],
    500: [0o700, 0],
    511: [0o711],
    550: [0o750, 0o770],
  };
  for (const [bits, modes] of Object.entries(directories)) {
    for (const mode of modes) t.is(shown('directory', mode), bits, `${mode?.toString(8)}`);
  }
});

// S169
test('with --umask the mount says who may read, and the source what can be executed', (t) => {
  for (const mode of [undefined, 0o644, 0o600, 0]) {
    t.deepEqual(
      [0, 0o022, 0o027, 0o077, 0o377].map((umask) => shown('file', mode, umask)),
      ['444', '444', '440', '400', '400'],
    );
  }
  for (const mode of [0o755, 0o700, 0o010, 0o001]) {
    t.deepEqual(
      [0, 0o022, 0o027, 0o077, 0o111].map((umask) => shown('file', mode, umask)),
      ['555', '555', '550', '500', '444'],
    );
  }
  for (const mode of [undefined, 0o755, 0o700]) {
    t.deepEqual(
      [0, 0o022, 0o027].map((umask) => shown('directory', mode, umask)),
      ['555', '555', '550'],
    );
  }
});

interface Fixture {
  readonly kernel: FakeKernel;
  readonly source: TreeClient;
  readonly clock: { ms: number };
}

function start(t: ExecutionContext, files: Readonly<Record<string, string>>, umask?: number): Fixture {
  const source = new TreeClient(files);
  const client = validatingClient(source);
  const clock = { ms: Date.now() };
  const now = (): number => clock.ms;
  const budget = MetadataBudget.beside(256 * 1024 * 1024);
  const log = pino({ level: 'silent' });
  const cache = new CachedResources({}, { clientFor: async () => client, budget, log, now });
  const vfs = new VirtualFs({
    cache,
    plugins: {
      isServed: async () => true,
      listClients: () => ['tree'],
      describe: () => undefined,
      capabilitiesOf: () => ({ isHierarchical: true, hostOf: (name) => name }),
    },
    ownership: { uid: 0, gid: 0, umask },
    budget,
    now,
  });
  t.teardown(() => vfs.close());
  return { kernel: new FakeKernel(vfs), source, clock };
}

async function permissionsAt({ kernel }: Fixture, ...paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const { nodeId, permissions } = await kernel.lookup(path);
    found.push(permissions.toString(8));
    const again = await kernel.fstat(nodeId);
    if (again.permissions !== permissions) found.push(`then ${again.permissions.toString(8)}`);
  }
  return found;
}

// S28
test('stat shows the same permissions with a listing and without', async (t) => {
  const files = { 'd/script': 'x', 'd/text': 'y', 'd/own/file': 'z' };
  for (const hasListing of [false, true]) {
    for (const hasEtags of [true, false]) {
      const fixture = start(t, files);
      const { kernel, source } = fixture;
      source.hasListedEtags = hasEtags;
      for (const [key, mode] of [
        ['d', 0o750],
        ['d/script', 0o755],
        ['d/text', 0o640],
        ['d/own', 0o700],
      ] as const)
        source.modes.set(key, mode);
      if (hasListing) await kernel.list('tree/B/d');
      const paths = ['tree/B/d', 'tree/B/d/script', 'tree/B/d/text', 'tree/B/d/own'];
      t.deepEqual(await permissionsAt(fixture, ...paths), ['550', '555', '440', '500']);
      t.is((await kernel.stat('tree/B')).permissions, 0o555, 'a host is not queried');
      t.is(await kernel.read('tree/B/d/text'), 'y');
      t.deepEqual(await permissionsAt(fixture, ...paths), ['550', '555', '440', '500']);
    }
  }
});

// S170
test('permissions that change alone are shown after the TTL, and the content stays', async (t) => {
  const fixture = start(t, { 'd/f': 'content' });
  const { kernel, source, clock } = fixture;
  source.modes.set('d/f', 0o644);
  t.is(await kernel.read('tree/B/d/f'), 'content');
  const { nodeId } = await kernel.lookup('tree/B/d/f');
  source.modes.set('d/f', 0o755);
  t.deepEqual(await permissionsAt(fixture, 'tree/B/d/f'), ['444']);
  clock.ms += 60_000;
  source.taken();
  t.deepEqual(await permissionsAt(fixture, 'tree/B/d/f'), ['555']);
  t.is((await kernel.lookup('tree/B/d/f')).nodeId, nodeId);
  t.is(await kernel.read('tree/B/d/f'), 'content');
  t.deepEqual(source.taken(), ['stat d', 'stat d/f']);
  // A newer listing counts at once.
  for (const [hasEtags, mode] of [
    [true, 0o700],
    [false, 0o711],
  ] as const) {
    source.hasListedEtags = hasEtags;
    source.modes.set('d/f', mode);
    clock.ms += 1;
    await kernel.list('tree/B/d');
    t.deepEqual(await permissionsAt(fixture, 'tree/B/d/f'), [(mode & 0o555).toString(8)]);
    t.is((await kernel.lookup('tree/B/d/f')).nodeId, nodeId);
    clock.ms += 60_000;
  }
});

// S170
test('a file can be executed if its source has it so', async (t) => {
  for (const umask of [undefined, 0, 0o077]) {
    const { kernel, source } = start(t, { script: 'x', text: 'y', none: 'z' }, umask);
    source.modes.set('script', 0o710);
    source.modes.set('text', 0o644);
    for (const mode of [constants.X_OK, constants.R_OK | constants.X_OK]) {
      await kernel.access('tree/B/script', mode);
      for (const name of ['text', 'none']) {
        const error = await t.throwsAsync<SystemCallError>(kernel.access(`tree/B/${name}`, mode));
        t.is(error.errno, 'EACCES', name);
      }
    }
    for (const name of ['script', 'text', 'none']) await kernel.access(`tree/B/${name}`, constants.R_OK);
    const { nodeId } = await kernel.lookup('tree/B/script');
    t.false(kernel.operations.inodes.get(nodeId).wasEntered);
  }
});

// S28 S29
test('a directory has its attributes also where it is not looked up, as far as its source shows them', async (t) => {
  const { kernel, source, clock } = start(t, { 'd/f': 'x' });
  source.modes.set('d', 0o750);
  const { nodeId } = await kernel.lookup('tree/B/d');
  clock.ms += 60_000;
  source.modes.set('d', 0o700);
  t.is((await kernel.fstat(nodeId)).permissions, 0o500);
  source.taken();
  t.is((await kernel.fstat(nodeId)).permissions, 0o500);
  t.deepEqual(source.taken(), []);
  clock.ms += 600_000_000;
  source.beforeCall = () => {
    throw new SourceError('TIMEOUT', 'no answer', 'tree://B');
  };
  t.is((await kernel.fstat(nodeId)).permissions, 0o500);
});
