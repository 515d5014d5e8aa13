/** `d7y-mount warm`, on mounts. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { servingProcess, whenProcessEnded } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { startFaultServer } from '../support/fault-server.js';
import { CLI, type Finished, mounted, run, shell, unmount } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;

async function warm(...args: string[]): Promise<Finished & { readonly last: Record<string, unknown> }> {
  const finished = await run(process.execPath, [CLI, 'warm', ...args]);
  const line = finished.stdout.trim().split('\n').at(-1) ?? '';
  return { ...finished, last: line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {} };
}

test.serial('a list of paths and URLs is brought, and read without the source', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'd e'));
  await writeFile(join(root, 'a.bin'), Buffer.alloc(3 * MIB, 'a'));
  await writeFile(join(root, 'd e', 'ü.txt'), 'text');
  const nginx = await startNginx(t, { root });
  const path = await mounted(t);
  const top = `${path}/http/${nginx.host}`;
  const list = join(root, 'list');
  await writeFile(list, `${top}/a.bin\r\n\nhttp://${nginx.host}/d e/ü.txt\n`);
  const missing = await warm('--check', '-f', list, '--mountpoint', path);
  t.like(missing, { code: 1, last: { state: 'done', files: 0, total_files: 2 } });
  const done = await warm('-j', '2', '-f', list, '--mountpoint', path);
  t.like(done, {
    code: 0,
    stderr: '',
    last: { state: 'done', files: 2, failed: 0, done_bytes: 3 * MIB + 4, listed: true },
  });
  t.like(await warm('--check', '-f', list, '--mountpoint', path), { code: 0, last: { files: 2 } });
  const fromInput = await shell(
    'cd "$1" && printf "d e\\n" | "$2" "$3" warm -r -f - --json',
    top,
    process.execPath,
    CLI,
  );
  t.is(fromInput.stderr, '');
  t.like(JSON.parse(fromInput.stdout.trim().split('\n').at(-1) ?? ''), { files: 1, fetched_bytes: 0 });
  const part = await warm(`${top}/d e`, `${top}/none`, `${top}/a.bin`);
  t.like(part, { code: 1, last: { state: 'done', files: 1, failed: 2 } });
  t.regex(part.stderr, /d%20e: it is a directory/);
  t.regex(part.stderr, /404.*\/none\n/);
  t.is((await warm('/tmp')).code, 3);
  t.is((await warm()).code, 2);
  t.like(await warm('--background', `${top}/a.bin`), { code: 0, stderr: '', last: { background: true } });
  const { stdout } = await run(process.execPath, [CLI, 'status', path, '--json']);
  t.true((JSON.parse(stdout) as { warm_jobs: unknown[] }).warm_jobs.length >= 2);
  await nginx.kill();
  t.is((await shell('cat "$1/d e/ü.txt" && wc -c < "$1/a.bin"', top)).stdout, `text${3 * MIB}\n`);
  const dead = await warm(`${top}/other.bin`);
  t.is(dead.code, 69);
  await unmount(t, path);
});

test.serial('a terminal shows one line, which goes on', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a.bin'), Buffer.alloc(MIB, 'a'));
  const nginx = await startNginx(t, { root });
  const path = await mounted(t);
  const command = `${process.execPath} ${CLI} warm ${path}/http/${nginx.host}/a.bin`;
  const { stdout } = await run('script', ['-qec', command, '/dev/null']);
  t.true(stdout.includes('\r\u001b[K0 B of 0 B+  0 of 0+ files  0 B/s'), stdout);
  t.regex(stdout, /warmed: 1 of 1 files, 1\.0 MiB, of which 1\.0 MiB were fetched in 0:\d\d\r?\n$/);
  await unmount(t, path);
});

test.serial(
  'Ctrl-C ends the job in the mount, and after a kill the next one fetches what is missing',
  async (t) => {
    const body = Buffer.alloc(8 * MIB, 'x');
    let isSlow = true;
    let open = 0;
    let sentBytes = 0;
    const server = await startFaultServer(t, ({ headers }, response) => {
      const [, first = '0', last = '0'] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
      const piece = body.subarray(Number(first), Number(last) + 1);
      response.writeHead(206, {
        etag: '"1"',
        'content-range': `bytes ${first}-${last}/${body.length}`,
        'content-length': piece.length,
      });
      sentBytes += isSlow && Number(first) >= 4 * MIB ? 0 : piece.length;
      if (!isSlow || Number(first) < 4 * MIB) {
        response.end(piece);
        return;
      }
      open += 1;
      response.flushHeaders();
      response.once('close', () => (open -= 1));
    });
    const cache = join(await temporaryDirectory(t), 'cache');
    const path = await mounted(t, '--cache-dir', cache);
    const url = `${server.origin}/a.bin`;
    const child = spawn(process.execPath, [CLI, 'warm', '--mountpoint', path, url], { stdio: 'ignore' });
    await until('it hangs, and the rest is stored', async () => {
      const { stdout } = await run(process.execPath, [CLI, 'status', path, '--json']);
      const [job] = (JSON.parse(stdout) as { warm_jobs: { done_bytes: number }[] }).warm_jobs;
      return open > 0 && (job?.done_bytes ?? 0) >= 3 * MIB;
    });
    child.kill('SIGINT');
    t.deepEqual(await once(child, 'exit'), [130, null]);
    await until('the requests have ended', () => open === 0);
    const { stdout } = await run(process.execPath, [CLI, 'status', path, '--json']);
    t.like(JSON.parse(stdout), { warm_jobs: [{ state: 'cancelled' }] });

    const mount = await findMount(path);
    const killed = mount && (await servingProcess(mount));
    if (killed === undefined) return t.fail();
    process.kill(killed.pid, 'SIGKILL');
    t.true(await whenProcessEnded(killed, 60_000));
    await run('umount', ['-l', path]);
    isSlow = false;
    const before = sentBytes;
    const again = await mounted(t, '--cache-dir', cache);
    const { code, last } = await warm('--mountpoint', again, url);
    t.is(code, 0);
    t.like(last, { state: 'done', done_bytes: body.length });
    t.is(sentBytes - before, last['fetched_bytes'] as number);
    t.true(sentBytes - before <= 5 * MIB, `${sentBytes - before}`);
    await unmount(t, again);
  },
);

test.serial('without a disk cache it is refused, with the reason', async (t) => {
  const path = await mounted(t, '--cache-size', '0');
  const { code, stderr } = await warm('--mountpoint', path, 'http://127.0.0.1:1/a.bin');
  t.is(code, 1);
  t.regex(stderr, /the disk cache is off, since --cache-size is 0/);
  await unmount(t, path);
});

test.serial(
  'a mount with a root reaches nothing else, and one that does not write the cache says so',
  async (t) => {
    const root = await temporaryDirectory(t);
    await writeFile(join(root, 'a.bin'), 'a');
    const nginx = await startNginx(t, { root });
    const cache = join(root, 'cache');
    const path = await mounted(t, '--cache-dir', cache, '--root', `${nginx.origin}/`);
    t.like(await warm(`${path}/a.bin`), { code: 0 });
    const other = await warm('--mountpoint', path, 'http://127.0.0.1:1/a.bin');
    t.is(other.code, 1);
    t.regex(JSON.stringify(other.last), /is in no root of the mount/);
    const second = await mounted(t, '--cache-dir', cache);
    const { code, stderr } = await warm('--mountpoint', second, `${nginx.origin}/a.bin`);
    t.is(code, 1);
    t.regex(stderr, /the process of another mount writes the cache directory/);
    await unmount(t, second);
    await unmount(t, path);
  },
);
