import {
  chmod,
  chown,
  link,
  mkdir,
  open,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { createLog } from '../../bin/log.js';
import { loadSyscalls } from '../../src/native/posix.js';
import { asRoot } from '../support/conditional-test.js';
import { temporaryDirectory } from '../support/temp.js';

/** A line of 256 KiB: each of its texts has a limit. */
const LONG = { texts: Array.from({ length: 128 }, () => 'x'.repeat(2_045)) };

test('a log that cannot be written does no harm', async (t) => {
  // Each write to it is ENOSPC.
  const log = await createLog({ logFile: '/dev/full', logLevel: 'info' });
  t.notThrows(() => {
    for (let line = 0; line < 100; line += 1) log.warn(LONG);
  });
});

test('a log that grows long is begun anew, and one old one is kept; only the owner reads them', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'log');
  const log = await createLog({ logFile, logLevel: 'info' });
  for (let count = 0; count < 140; count += 1) log.info(LONG);
  log.info('the last');
  const [now, before] = [await stat(logFile), await stat(`${logFile}.1`)];
  t.true(now.size < 18 * 1024 * 1024, String(now.size));
  t.true(before.size > 16 * 1024 * 1024 && before.size < 18 * 1024 * 1024, String(before.size));
  t.deepEqual([now.mode & 0o777, before.mode & 0o777], [0o600, 0o600]);
  t.regex(await readFile(logFile, 'utf8'), /the last/);
});

test('a log that another mount is rotating is left to it', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'log');
  const log = await createLog({ logFile, logLevel: 'info' });
  const other = await open(logFile, 'r+');
  t.true((await loadSyscalls()).tryLock(other.fd));
  await truncate(logFile, 17 * 1024 * 1024);
  for (let count = 0; count < 6; count += 1) log.info(LONG);
  await t.throwsAsync(stat(`${logFile}.1`), { code: 'ENOENT' });
  await other.close();
  for (let count = 0; count < 6; count += 1) log.info(LONG);
  t.true((await stat(`${logFile}.1`)).size > 17 * 1024 * 1024);
});

test('a log whose directory is gone does no harm when it is reopened', async (t) => {
  const directory = join(await temporaryDirectory(t), 'logs');
  const log = await createLog({ logFile: join(directory, 'log'), logLevel: 'info' });
  await rm(directory, { recursive: true });
  t.notThrows(() => {
    for (let count = 0; count < 12; count += 1) log.info(LONG);
  });
});

test('a log is written as it is said, into directories of its own', async (t) => {
  const directory = join(await temporaryDirectory(t), 'state');
  const logFile = join(directory, 'd7y-mount', 'log');
  (await createLog({ logFile, logLevel: 'warn' }, { mountpoint: '/mnt/a' })).warn({ code: 'X' }, 'said');
  const line: unknown = JSON.parse(await readFile(logFile, 'utf8'));
  t.like(line, { code: 'X', msg: 'said', mountpoint: '/mnt/a' }, 'several mounts may share a file');
  t.deepEqual([(await stat(directory)).mode & 0o777, (await stat(logFile)).mode & 0o777], [0o700, 0o600]);
});

test('lines of the log are counted by level, those that are not written not', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'log');
  const messages: Record<string, number> = {};
  const log = await createLog({ logFile, logLevel: 'info' }, { messages });
  log.info('one');
  log.error({ err: new Error('x') });
  log.debug('none');
  log.error('two');
  t.deepEqual(messages, { info: 1, error: 2 });
});

// S107
test('a log that others could read is closed to them', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'log');
  await writeFile(logFile, '');
  await chmod(logFile, 0o644);
  await createLog({ logFile, logLevel: 'info' });
  t.is((await stat(logFile)).mode & 0o777, 0o600);
});

// S107
test('a log is not written through a link, whether it is there at the start or planted later', async (t) => {
  const directory = await temporaryDirectory(t);
  const [logFile, victim] = [join(directory, 'log'), join(directory, 'victim')];
  await writeFile(victim, 'untouched');
  await symlink(victim, logFile);
  await t.throwsAsync(createLog({ logFile, logLevel: 'info' }), { message: /log: is a symbolic link/ });
  await rm(logFile);
  await link(victim, logFile);
  await t.throwsAsync(createLog({ logFile, logLevel: 'info' }), { message: /has a second name/ });
  await rm(logFile);
  const log = await createLog({ logFile, logLevel: 'info' });
  await rm(logFile);
  await symlink(victim, logFile);
  for (let count = 0; count < 12; count += 1) log.info(LONG);
  t.is(await readFile(victim, 'utf8'), 'untouched');
});

asRoot('a log that another user owns is refused', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'log');
  await writeFile(logFile, '');
  await chown(logFile, 65_534, 65_534);
  await t.throwsAsync(createLog({ logFile, logLevel: 'info' }), { message: /is owned by user 65534, not 0/ });
});

test('a log below a directory that takes none is an error at once', async (t) => {
  const missing = '/proc/x/y/log';
  await t.throwsAsync(createLog({ logFile: missing, logLevel: 'info' }), {
    message: /log file \/proc\/x\/y\/log: cannot be opened \(ENOENT\)/,
  });
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'log'));
  await t.throwsAsync(createLog({ logFile: join(directory, 'log'), logLevel: 'info' }), {
    message: /cannot be opened \(EISDIR\)/,
  });
});
