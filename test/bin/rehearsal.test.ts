import { readdirSync } from 'node:fs';
import { lutimes, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { DEFAULT_MOUNT_OPTIONS } from '../../bin/options.js';
import { rehearse } from '../../bin/rehearsal/rehearsal.js';
import { RehearsalDisk } from '../../bin/rehearsal/rehearsal-disk.js';
import { CLI, run, shell } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

const SHORT = { scenes: 2, opens: 10, reads: 20, lists: 2, reopenings: 3 };

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Where this process has its temporary files until the test ends. */
async function ownTemporaryFiles(t: ExecutionContext): Promise<string> {
  const temporary = await temporaryDirectory(t);
  const { TMPDIR: usual } = process.env;
  process.env['TMPDIR'] = temporary;
  t.teardown(() => {
    if (usual === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = usual;
  });
  return temporary;
}

test.serial('a rehearsal comes to its end, and leaves nothing open, and nothing on disk', async (t) => {
  const temporary = await ownTemporaryFiles(t);
  const stage = { sources: DEFAULT_MOUNT_OPTIONS, cacheBytes: DEFAULT_MOUNT_OPTIONS.cacheSize };
  await rehearse(new AbortController().signal, stage, SHORT);
  const before = openDescriptors();
  await rehearse(new AbortController().signal, stage, SHORT);
  await until('its sockets are closed', () => openDescriptors() <= before);
  t.deepEqual(readdirSync(temporary), []);
});

test.serial('what killed mounts left of their rehearsals is removed, and nothing else', async (t) => {
  const temporary = await ownTemporaryFiles(t);
  const [old, recent, other] = ['d7y-mount-rehearsal-old', 'd7y-mount-rehearsal-new', 'other'];
  for (const name of [old, recent, other]) {
    await mkdir(join(temporary, name, 'v2'), { recursive: true });
    await writeFile(join(temporary, name, 'v2', 'lock'), '');
  }
  const anHourAgo = Date.now() / 1000 - 3600;
  for (const name of [old, other]) await utimes(join(temporary, name), anHourAgo, anHourAgo);
  await symlink(other, join(temporary, 'd7y-mount-rehearsal-link'));
  await lutimes(join(temporary, 'd7y-mount-rehearsal-link'), anHourAgo, anHourAgo);
  await (await RehearsalDisk.create(1024 ** 3))?.remove();
  t.deepEqual(readdirSync(temporary).toSorted(), ['d7y-mount-rehearsal-link', recent, other]);
  t.deepEqual(readdirSync(join(temporary, other, 'v2')), ['lock']);
});

test.serial('a rehearsal needs no disk cache', async (t) => {
  const stage = { sources: DEFAULT_MOUNT_OPTIONS, cacheBytes: 0 };
  await t.notThrowsAsync(rehearse(new AbortController().signal, stage, SHORT));
});

test.serial('a rehearsal that is not wanted any more ends at once', async (t) => {
  const controller = new AbortController();
  const begunMs = performance.now();
  const stage = { sources: DEFAULT_MOUNT_OPTIONS, cacheBytes: DEFAULT_MOUNT_OPTIONS.cacheSize };
  const rehearsal = rehearse(controller.signal, stage, { ...SHORT, opens: 1_000_000 });
  await sleep(100);
  controller.abort();
  await rehearsal;
  t.true(performance.now() - begunMs < 10_000);
});

test.serial('a mount that rehearses answers meanwhile, and asks no origin', async (t) => {
  const root = await temporaryDirectory(t);
  const files = await temporaryDirectory(t);
  await writeFile(join(files, 'a.bin'), pattern(300_000));
  const nginx = await startNginx(t, { root: files });
  const mnt = join(root, 'mnt');
  const log = join(root, 'log');
  t.teardown(() => run('umount', ['-l', mnt]));
  const own = ['--cache-dir', join(root, 'cache'), '--log-file', log, '--log-level', 'debug'];
  t.is((await run(process.execPath, [CLI, mnt, ...own])).code, 0);
  const { code } = await shell('cmp "$1" "$2"', join(mnt, 'http', nginx.host, 'a.bin'), join(files, 'a.bin'));
  t.is(code, 0);
  await until('it has rehearsed', async () => (await readFile(log, 'utf8')).includes('"rehearsed"'));
  for (const { uri } of await nginx.accessLog()) t.is(uri, '/a.bin');
  t.is((await run(process.execPath, [CLI, 'unmount', mnt])).code, 0);
});
