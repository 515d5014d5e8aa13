import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import test from 'ava';

import { fuseDevice } from '../../src/mount/dev-fuse/fuse-device.js';
import { loadSyscalls } from '../../src/native/posix.js';
import { temporaryDirectory } from '../support/temp.js';

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
