import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { testWhere } from '../support/conditional-test.js';
import { MemoryResources } from '../support/memory-resources.js';
import { run, shell } from '../support/mounted.js';
import { startPaused } from '../support/paused-script.js';
import { until } from '../support/until.js';
import { mountedMemory } from '../support/mounted-memory.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

const canPassThrough = process.getuid?.() === 0 && (await kernelSupportsPassthrough());
const whereItWorks = testWhere(canPassThrough, 'root and Linux 6.9', test.serial);

async function kernelSupportsPassthrough(): Promise<boolean> {
  const [major = 0, minor = 0] = (await run('uname', ['-r'])).stdout.split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 9);
}

interface Fixture {
  readonly resources: MemoryResources;
  readonly copy: string;
  readonly fd: number;
}

/** A file of which a complete local copy exists. */
async function withLocalCopy(t: ExecutionContext): Promise<Fixture> {
  const copy = join(await temporaryDirectory(t), 'copy');
  const bytes = pattern(8 << 20);
  await writeFile(copy, bytes);
  const fd = openSync(copy, 'r');
  t.teardown(() => closeSync(fd));
  const resources = new MemoryResources();
  resources.files.set('mem://host/file', { bytes, etag: '"1"', localFd: fd });
  return { resources, copy, fd };
}

// S54
whereItWorks('the kernel reads a complete local copy by itself', async (t) => {
  const { resources, copy } = await withLocalCopy(t);
  const file = `${await mountedMemory(t, resources)}/mem/host/file`;
  t.is((await run('cmp', [file, copy])).code, 0);
  t.is(resources.reads, 0);
  const together = await shell('for i in 1 2 3 4; do cmp "$1" "$2" & done; wait', file, copy);
  t.is(together.stdout + together.stderr, '');
  t.is(resources.reads, 0);
});

whereItWorks('an open through the page cache is never mixed with the local copy', async (t) => {
  const { resources, copy, fd } = await withLocalCopy(t);
  const { bytes } = resources.files.get('mem://host/file') ?? { bytes: pattern(0) };
  resources.files.set('mem://host/file', { bytes, etag: '"1"' });
  const file = `${await mountedMemory(t, resources)}/mem/host/file`;
  // Open without a copy, and held; then the copy is complete, and others open it.
  const script = 'exec 3< "$1"; head -c 4096 <&3 | cmp - "$2" -n 4096; echo open; read go; cat <&3 | wc -c';
  const held = await startPaused(t, script, file, copy);
  resources.files.set('mem://host/file', { bytes, etag: '"1"', localFd: fd });
  t.is((await run('cmp', [file, copy])).code, 0);
  const readsWhileHeld = resources.reads;
  t.true(readsWhileHeld > 0);
  t.is(await held.goOn(), `${bytes.length - 4096}\n`);
  // The last one has closed it: from here on the kernel reads by itself.
  const before = resources.reads;
  t.is((await run('dd', [`if=${file}`, 'of=/dev/null', 'bs=1M', 'iflag=direct'])).code, 0);
  t.is(resources.reads, before);
});

test.serial('passthrough can be turned off', async (t) => {
  const { resources, copy } = await withLocalCopy(t);
  const file = `${await mountedMemory(t, resources, { passthrough: false })}/mem/host/file`;
  t.is((await run('cmp', [file, copy])).code, 0);
  t.true(resources.reads > 0);
});

test.serial('when a version changes the kernel is notified, and an open handle keeps its own', async (t) => {
  const resources = new MemoryResources();
  resources.files.set('mem://host/file', { bytes: Buffer.alloc(100_000, 'a'), etag: '"1"' });
  const file = `${await mountedMemory(t, resources)}/mem/host/file`;
  const held = await startPaused(t, 'exec 3< "$1"; echo open; read go; cat <&3 | tr -d a | wc -c', file);
  t.is((await run('stat', ['-c', '%s', file])).stdout, '100000\n');
  resources.files.set('mem://host/file', { bytes: Buffer.alloc(50_000, 'b'), etag: '"2"' });
  t.is((await run('stat', ['-c', '%s', file])).stdout, '100000\n', 'trusted for its time');
  resources.reportChange('mem://host/file');
  const size = async (): Promise<string> => (await run('stat', ['-c', '%s', file])).stdout;
  await until('the kernel has forgotten the size', async () => (await size()) === '50000\n');
  t.is((await shell('tr -d b < "$1" | wc -c', file)).stdout, '0\n');
  t.is(await held.goOn(), '0\n', 'the old handle sees old bytes alone');
  resources.files.delete('mem://host/file');
  resources.reportChange('mem://host/file');
  await until('it is missing', async () => /No such file/.test((await run('cat', [file])).stderr));
});
