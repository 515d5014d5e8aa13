import { execFileSync } from 'node:child_process';
import { closeSync, open, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import test from 'ava';

import { fuseDevice } from '../../src/mount/dev-fuse/fuse-device.js';
import { loadSyscalls } from '../../src/native/posix.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

/** Of libuv's pool. */
const THREADS = 4;

test('nothing is written to a descriptor that may be closed: its number may be that of a file then', async (t) => {
  const path = join(await temporaryDirectory(t), 'file');
  const fd = openSync(path, 'w');
  const device = fuseDevice(fd, await loadSyscalls());
  const copied = device.replyLater([Buffer.from('long ')]);
  await device.whenCopied();
  await copied;
  device.reply([Buffer.from('late')]);
  await device.replyLater([Buffer.from('later')]);
  await device.notify(Buffer.from('notified'));
  t.is(readFileSync(path, 'utf8'), 'long ');
  closeSync(fd);
});

/** While the work goes on, each thread of the pool waits for a writer. */
async function whileThreadsWait(directory: string, work: () => Promise<void>): Promise<void> {
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const hanging = Array.from(
    { length: THREADS },
    () => new Promise<number>((resolve) => open(fifo, 'r', (_, opened) => resolve(opened))),
  );
  try {
    await work();
  } finally {
    const writer = openSync(fifo, 'r+');
    for (const opened of await Promise.all(hanging)) closeSync(opened);
    closeSync(writer);
  }
}

test.serial('a long reply does not wait for threads that wait for a disk', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'file');
  const fd = openSync(path, 'w');
  const device = fuseDevice(fd, await loadSyscalls());
  let isCopied = false;
  await whileThreadsWait(directory, async () => {
    void device.replyLater([Buffer.from('long')]).then(() => (isCopied = true));
    await until('it is there', () => isCopied, 10_000);
    t.is(readFileSync(path, 'utf8'), 'long');
  });
  await device.whenCopied();
  closeSync(fd);
});

test.serial(
  'a long reply that cannot be sent meanwhile is a rejection, and not the end of the process',
  async (t) => {
    const directory = await temporaryDirectory(t);
    const path = join(directory, 'file');
    closeSync(openSync(path, 'w'));
    const fd = openSync(path, 'r');
    const device = fuseDevice(fd, await loadSyscalls());
    await whileThreadsWait(directory, async () => {
      await t.throwsAsync(device.replyLater([Buffer.from('long')]), { code: 'EBADF' });
    });
    await device.whenCopied();
    closeSync(fd);
  },
);
