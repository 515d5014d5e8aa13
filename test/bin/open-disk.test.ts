import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';
import { pino } from 'pino';

import { openDisk } from '../../bin/compose.js';
import { temporaryDirectory } from '../support/temp.js';

const CACHE_SIZE = 2 ** 20;

test('a default cache directory that cannot be used turns the disk cache off, with a warning; a chosen one fails', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  process.env['XDG_CACHE_HOME'] = file;
  const logged: string[] = [];
  const log = pino({}, { write: (line: string) => logged.push(line) });
  const open = (cacheDir: string | undefined): ReturnType<typeof openDisk> =>
    openDisk(join(directory, 'mnt'), { cacheDir, cacheSize: CACHE_SIZE }, undefined, log);
  t.is(await open(undefined), undefined);
  t.is(logged.length, 1);
  t.regex(logged[0] ?? '', /disk cache: off, .*file.* cannot be used: .*not a directory/);
  await t.throwsAsync(open(file), {
    message: /the cache directory cannot be used: .*file is not a directory/,
  });
  t.is(logged.length, 1);
});
