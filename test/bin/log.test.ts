import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';

import { createLog } from '../../bin/log.js';
import { temporaryDirectory } from '../support/temp.js';

test('a log that cannot be written harms nobody', (t) => {
  // Each write to it is ENOSPC.
  const log = createLog({ logFile: '/dev/full', logLevel: 'info' });
  t.notThrows(() => {
    for (let line = 0; line < 100; line += 1) log.warn('x'.repeat(100_000));
  });
});

test('a log that grows long is begun anew, and one old one is kept', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'log');
  const log = createLog({ logFile, logLevel: 'info' });
  const line = 'x'.repeat(256 * 1024);
  for (let count = 0; count < 140; count += 1) {
    log.info(line);
    await nextTurn();
  }
  log.info('the last');
  const [size, sizeBefore] = [(await stat(logFile)).size, (await stat(`${logFile}.1`)).size];
  t.true(size < 18 * 1024 * 1024, String(size));
  t.true(sizeBefore > 16 * 1024 * 1024 && sizeBefore < 18 * 1024 * 1024, String(sizeBefore));
  t.regex(await readFile(logFile, 'utf8'), /the last/);
});

test('a log whose directory is gone harms nobody when it is to be opened again', async (t) => {
  const directory = join(await temporaryDirectory(t), 'logs');
  const log = createLog({ logFile: join(directory, 'log'), logLevel: 'info' });
  await rm(directory, { recursive: true });
  await t.notThrowsAsync(async () => {
    for (let count = 0; count < 12; count += 1) {
      log.info('x'.repeat(256 * 1024));
      await nextTurn();
    }
  });
});

test('a log is written as it is said', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'state', 'log');
  createLog({ logFile, logLevel: 'warn' }).warn({ code: 'X' }, 'said');
  t.like(JSON.parse(await readFile(logFile, 'utf8')), { code: 'X', msg: 'said' });
});
