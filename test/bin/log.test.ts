import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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

test('a log is written as it is said', async (t) => {
  const logFile = join(await temporaryDirectory(t), 'state', 'log');
  createLog({ logFile, logLevel: 'warn' }).warn({ code: 'X' }, 'said');
  t.like(JSON.parse(await readFile(logFile, 'utf8')), { code: 'X', msg: 'said' });
});
