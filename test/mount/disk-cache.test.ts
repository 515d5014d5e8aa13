import { chmod, mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { CLI, onDevFuse, run, shell, unmount, unmounted } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';

const FILE_BYTES = 5 * 1024 * 1024 + 123;

interface Site {
  readonly url: string;
  readonly host: string;
  readonly root: string;
  readonly cache: string;
  readonly bytes: Buffer;
  readonly sentBytes: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

async function site(t: ExecutionContext): Promise<Site> {
  const root = await temporaryDirectory(t);
  const bytes = pattern(FILE_BYTES);
  await writeFile(join(root, 'file.bin'), bytes);
  const nginx = await startNginx(t, { root });
  return {
    url: `http/${nginx.host}/file.bin`,
    host: nginx.host,
    root,
    cache: await temporaryDirectory(t),
    bytes,
    sentBytes: async () => (await nginx.accessLog()).reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    stop: () => nginx.kill(),
  };
}

async function sha(path: string): Promise<string> {
  return (await shell('sha256sum < "$1"', path)).stdout.slice(0, 64);
}

// S52
onDevFuse('what was read is not downloaded again after a remount', async (t, mount) => {
  const origin = await site(t);
  const expected = await sha(join(origin.root, 'file.bin'));
  const first = await mount('--cache-dir', origin.cache);
  t.is(await sha(join(first, origin.url)), expected);
  const sent = await origin.sentBytes();
  t.true(sent >= FILE_BYTES && sent < FILE_BYTES * 1.1, `${sent} bytes were sent`);
  await unmount(t, first);

  const second = await mount('--cache-dir', origin.cache, '--metadata-ttl', '1ms');
  t.is(await sha(join(second, origin.url)), expected);
  t.true((await origin.sentBytes()) <= sent + 1, 'a conditional request was enough');
  const attribute = ['--only-values', '-n', 'user.d7y.cached'];
  const { stdout } = await run('getfattr', [...attribute, join(second, origin.url)]);
  t.is(stdout, String(FILE_BYTES));
});

onDevFuse('another version of the file is never mixed with what is on disk', async (t, mount) => {
  const origin = await site(t);
  const first = await mount('--cache-dir', origin.cache);
  t.is((await shell('head -c 3000000 "$1" | wc -c', join(first, origin.url))).stdout.trim(), '3000000');
  await unmount(t, first);
  await writeFile(join(origin.root, 'file.bin'), Buffer.alloc(FILE_BYTES, 'new'));
  // nginx's validators are whole seconds.
  await utimes(join(origin.root, 'file.bin'), 1, 1);
  const second = await mount('--cache-dir', origin.cache, '--metadata-ttl', '1ms');
  t.is(await sha(join(second, origin.url)), await sha(join(origin.root, 'file.bin')));
});

// S43
test.serial('what is cached is served while the source is gone, and offline; nothing else is', async (t) => {
  const origin = await site(t);
  const expected = await sha(join(origin.root, 'file.bin'));
  const mounts = await temporaryDirectory(t);
  const mount = async (...options: string[]): Promise<string> => {
    const mnt = join(mounts, String(Math.random()));
    t.teardown(() => unmounted(mnt));
    const own = ['--cache-dir', origin.cache, '--log-file', `${mnt}.log`, '--retries', '0'];
    const { code, stderr } = await run(process.execPath, [CLI, mnt, ...own, ...options]);
    t.is(code, 0, stderr);
    return mnt;
  };
  const first = await mount('--metadata-ttl', '1ms');
  t.is(await sha(join(first, origin.url)), expected);
  await origin.stop();
  t.is(await sha(join(first, origin.url)), expected, 'after the TTL');
  await unmount(t, first);

  const second = await mount('--metadata-ttl', '1ms');
  t.is(await sha(join(second, origin.url)), expected, 'after a remount');
  await unmount(t, second);

  const strict = await mount('--metadata-ttl', '1ms', '--stale-if-error', '1ms');
  t.regex((await shell('cat "$1" 2>&1', join(strict, origin.url))).stdout, /Connection refused/);
  await unmount(t, strict);

  const offline = await mount('--offline');
  t.is(await sha(join(offline, origin.url)), expected);
  const other = join(offline, 'http', origin.host, 'other.bin');
  t.regex((await shell('cat "$1" 2>&1', other)).stdout, /Network is unreachable/);
});

// S52
test.serial('a mount process that is killed leaves a cache that is right', async (t) => {
  const origin = await site(t);
  const expected = await sha(join(origin.root, 'file.bin'));
  const mounts = await temporaryDirectory(t);
  for (let round = 0; round < 5; round += 1) {
    const mnt = join(mounts, String(round));
    t.teardown(() => unmounted(mnt));
    const own = ['--cache-dir', origin.cache, '--log-file', `${mnt}.log`];
    await run(process.execPath, [CLI, mnt, ...own]);
    // Killed while it still writes what was read a moment ago.
    await shell('head -c "$2" "$1" > /dev/null', join(mnt, origin.url), String((round + 1) * 900_000));
    await run('pkill', ['-9', '-f', '--', mnt]);
    await run('umount', ['-l', mnt]);
  }
  const mnt = join(mounts, 'last');
  t.teardown(() => unmounted(mnt));
  await run(process.execPath, [CLI, mnt, '--cache-dir', origin.cache, '--log-file', `${mnt}.log`]);
  t.is(await sha(join(mnt, origin.url)), expected);
});

onDevFuse('--cache-size 0 writes nothing', async (t, mount) => {
  const origin = await site(t);
  const mnt = await mount('--cache-dir', join(origin.cache, 'none'), '--cache-size', '0');
  t.is(await sha(join(mnt, origin.url)), await sha(join(origin.root, 'file.bin')));
  t.deepEqual(await readdir(origin.cache), []);
});

// S64 S66
test.serial(
  'a cache directory that the mount would hide, or that others can write to, ends the start',
  async (t) => {
    const directory = await temporaryDirectory(t);
    const [mountpoint, open] = [join(directory, 'mnt'), join(directory, 'open')];
    for (const path of [mountpoint, open]) await mkdir(path);
    await chmod(open, 0o777);
    for (const [cache, message] of [
      [join(mountpoint, 'cache'), /is inside the mountpoint/],
      [
        open,
        /the cache directory cannot be used: .*open is not trusted: others may write to it .*chmod go-w/,
      ],
    ] as const) {
      const own = ['--log-file', join(directory, 'log')];
      const { code, stderr } = await run(process.execPath, [CLI, mountpoint, '--cache-dir', cache, ...own]);
      t.is(code, 1);
      t.regex(stderr, message);
    }
  },
);

test.serial('a log file that the mount would hide ends the start', async (t) => {
  const directory = await temporaryDirectory(t);
  const mountpoint = join(directory, 'mnt');
  await mkdir(mountpoint);
  const own = ['--log-file', join(mountpoint, 'log'), '--cache-dir', join(directory, 'cache')];
  const { code, stderr } = await run(process.execPath, [CLI, mountpoint, ...own]);
  t.is(code, 1);
  t.regex(stderr, /the log file .* is inside the mountpoint/);
});
