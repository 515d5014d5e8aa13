/** `d7y-mount pin`, `unpin`, and `evict` beside them, on mounts. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { CLI, type Finished, mounted, run, unmount } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';

async function d7y(...args: string[]): Promise<Finished> {
  return await run(process.execPath, [CLI, ...args]);
}

test.serial('what is pinned stays, over a remount too, until it is unpinned', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'd'));
  for (const name of ['a.bin', 'd/b.bin', 'c.bin'])
    await writeFile(join(root, name), Buffer.alloc(100_000, name));
  const nginx = await startNginx(t, { root });
  const cache = join(root, 'cache');
  const path = await mounted(t, '--cache-dir', cache);
  const top = `${path}/http/${nginx.host}`;
  t.like(await d7y('pin', '--mountpoint', path), { code: 0, stdout: '' });
  const first = await d7y('pin', `${top}/a.bin`);
  t.like(first, { code: 0, stdout: `pinned: ${nginx.origin}/a.bin; nothing of it is cached yet\n` });
  t.is((await d7y('pin', `${top}/none.bin`)).code, 1);
  t.regex((await d7y('pin', `${top}/d`)).stderr, /is a directory: --recursive pins/);
  t.is((await d7y('pin', path)).code, 2);
  t.like(await d7y('warm', '--pin', '-r', `${top}/d`), { code: 0 });
  t.like(await d7y('warm', `${top}/a.bin`, `${top}/c.bin`), { code: 0 });
  const refused = await d7y('evict', `${top}/a.bin`);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /a\.bin is pinned\n.*unpin/);
  t.regex((await d7y('evict', `${top}/d/b.bin`)).stderr, /b\.bin is pinned, by .*\/d\n/);
  const others = await d7y('evict', '--json', path);
  t.like(JSON.parse(others.stdout), { disk: { files: 1 } });
  t.is((await d7y('warm', '--check', `${top}/a.bin`, `${top}/d/b.bin`)).code, 0);
  await unmount(t, path);

  const again = await mounted(t, '--cache-dir', cache);
  const listed = (await d7y('pin', '--json', '--mountpoint', again)).stdout.trim().split('\n');
  t.deepEqual(
    Object.fromEntries(
      listed
        .map((line) => JSON.parse(line) as { url: string; files: number })
        .map(({ url, files }) => [url, files]),
    ),
    { [`${nginx.origin}/a.bin`]: 1, [`${nginx.origin}/d`]: 1 },
  );
  const { cache: shown } = JSON.parse((await d7y('status', '--json', again)).stdout) as {
    cache: { disk: { pinned: number } };
  };
  t.true(shown.disk.pinned >= 200_000);
  t.is((await d7y('evict', '--force', `${again}/http/${nginx.host}/a.bin`)).code, 0);
  t.is((await d7y('unpin', `${again}/http/${nginx.host}/d`)).code, 0);
  t.is((await d7y('unpin', `${again}/http/${nginx.host}/d`)).code, 1);
  t.like(await d7y('unpin', '-r', '--mountpoint', again, nginx.origin), {
    code: 0,
    stdout: `unpinned: ${nginx.origin}/a.bin\n`,
  });
  t.like(await d7y('unpin', '-r', '--mountpoint', again, nginx.origin), {
    code: 1,
    stderr: `d7y-mount: nothing is pinned at or below ${nginx.origin}\n`,
  });
  await unmount(t, again);
});
