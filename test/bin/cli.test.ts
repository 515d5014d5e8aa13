import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { findMount } from '../../src/mount/mount-table.js';
import { whenProcessEnded, servingProcess } from '../../bin/serving-process.js';
import {
  CLI,
  eachTransport,
  onDevFuse,
  type Finished,
  run,
  shell,
  TRANSPORTS,
  unmount,
  unmounted,
} from '../support/mounted.js';
import { listedWith, SCHEMES_IN_TREE } from '../support/in-tree.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

onDevFuse('the seed example says hello world though two of its methods throw', async (t, mount) => {
  const mnt = await mount();
  const { stdout } = await run('cat', [`${mnt}/dfs/host:56001/path/to/resource`]);
  t.is(stdout, 'hello world');
  t.is((await run('ls', [`${mnt}/.plugins`])).stdout, listedWith());
  for (const scheme of SCHEMES_IN_TREE) {
    const { stdout: json } = await run('cat', [`${mnt}/.plugins/${scheme}`]);
    t.like(JSON.parse(json), {
      name: scheme,
      type: 'resource',
      scheme,
      location: 'in-tree',
      state: scheme === 'dfs' ? 'loaded' : 'registered',
    });
  }
});

onDevFuse('every write is refused with EROFS', async (t, mount) => {
  const mnt = await mount();
  for (const script of [
    'touch "$1/new"',
    'mkdir "$1/dir"',
    'rm "$1/.plugins/dfs"',
    'echo x > "$1/.plugins/dfs"',
  ]) {
    const { code, stderr } = await shell(script, mnt);
    t.not(code, 0, script);
    t.regex(stderr, /Read-only file system/, script);
  }
});

// S101
eachTransport(
  'unmount ends the mount, removes the directory that it made, and the process',
  async (t, mount) => {
    const mnt = await mount();
    t.is((await findMount(mnt))?.fsType, 'fuse.d7y');
    await unmount(t, mnt);
    t.is(await findMount(mnt), undefined);
    t.is((await shell('pgrep -f -- "$1 .*--foreground"', mnt)).stdout, '');
    t.not((await run('test', ['-e', mnt])).code, 0);
    const again = await run(process.execPath, [CLI, 'unmount', mnt]);
    t.is(again.code, 3);
    t.regex(again.stderr, /nothing is mounted there/);
  },
);

// S103
onDevFuse('SIGTERM ends the mount', async (t, mount) => {
  const mnt = await mount();
  await shell('pkill -TERM -f -- "$1 .*--foreground"', mnt);
  await processEnds(mnt);
  t.is(await findMount(mnt), undefined);
});

onDevFuse('a busy mount is detached', async (t, mount) => {
  const mnt = await mount();
  const user = spawn('sh', ['-c', 'cd "$1/dfs" && echo in && exec sleep 60', 'sh', mnt]);
  t.teardown(() => user.kill());
  await once(user.stdout, 'data');
  const { code, stderr } = await run(process.execPath, [CLI, 'unmount', mnt]);
  t.is(code, 0);
  t.regex(stderr, /busy/);
  t.is(await findMount(mnt), undefined);
  await processEnds(mnt);
});

/** Another start in the background, beside one that may be there. */
function startAt(mnt: string): ReturnType<typeof run> {
  return run(process.execPath, [CLI, mnt, '--log-file', `${mnt}.log`, '--cache-size', '0']);
}

// S99
eachTransport('a mountpoint that a killed process left behind is recovered', async (t, mount) => {
  const mnt = await mount();
  await shell('pkill -KILL -f -- "$1 .*--foreground"', mnt);
  await until('the mount is dead', async () =>
    /Transport endpoint is not connected/.test((await run('ls', [mnt])).stderr),
  );
  const { code, stderr } = await startAt(mnt);
  t.is(code, 0, stderr);
  t.is((await run('cat', [`${mnt}/dfs/h/x`])).stdout, 'hello world');
});

onDevFuse('a mountpoint in use is refused, and stays', async (t, mount) => {
  const mnt = await mount();
  const { code, stderr } = await startAt(mnt);
  t.is(code, 1);
  t.regex(stderr, /is in use/);
  t.is((await run('cat', [`${mnt}/dfs/h/x`])).stdout, 'hello world');
});

test.serial('a link to a directory is mounted where it leads, and unmounted by its own name', async (t) => {
  const directory = await temporaryDirectory(t);
  const [real, link] = [join(directory, 'real'), join(directory, 'link')];
  await mkdir(real);
  await symlink('real', link);
  t.teardown(() => unmounted(real));
  const { code, stderr } = await run(process.execPath, [
    CLI,
    link,
    '--log-file',
    `${link}.log`,
    '--cache-size',
    '0',
  ]);
  t.is(code, 0, stderr);
  t.is((await run('cat', [`${link}/dfs/h/x`])).stdout, 'hello world');
  await unmount(t, link);
  t.is(await findMount(real), undefined);
});

for (const transport of TRANSPORTS) {
  // S98
  test.serial(`${transport}: of several starts at once one wins, on a dead mount too`, async (t) => {
    const directory = await temporaryDirectory(t);
    const mnt = join(directory, 'mnt');
    t.teardown(() => unmounted(mnt));
    const options = ['--transport', transport, '--log-file', `${mnt}.log`, '--cache-size', '0'];
    const start = (): Promise<Finished> => run(process.execPath, [CLI, mnt, ...options]);
    for (const state of ['fresh', 'dead']) {
      const starts = await Promise.all([start(), start()]);
      const lost = starts.filter(({ code }) => code !== 0);
      t.is(lost.length, 1, `${state}: ${lost.map(({ stderr }) => stderr).join('')}`);
      const mount = await findMount(mnt);
      const server = mount && (await servingProcess(mount));
      for (const { stderr } of lost)
        t.true(stderr.includes(`is in use`) && stderr.includes(`${server?.pid}`), stderr);
      t.is((await run('grep', ['-c', ` ${mnt} `, '/proc/self/mountinfo'])).stdout, '1\n', state);
      t.is((await run('cat', [`${mnt}/dfs/h/x`])).stdout, 'hello world', state);
      // No program that it starts inherits the descriptor of the mount.
      const script =
        'for fd in /proc/$1/fd/*; do [ "$(readlink $fd)" = /dev/fuse ] && grep flags /proc/$1/fdinfo/${fd##*/}; done';
      const { stdout } = await shell(script, String(server?.pid));
      for (const line of stdout.trim().split('\n')) t.regex(line, /^flags:\t02/);
      if (server !== undefined) process.kill(server.pid, 'SIGKILL');
      if (server !== undefined) await whenProcessEnded(server, 30_000);
    }
    // Without it, what the process that was killed recorded stays in an ordinary user's run directory.
    await unmount(t, mnt);
  });
}

// S105 S108
test.serial(
  'options may be given as mount(8) gives them, and secrets among them are not shown',
  async (t) => {
    const directory = await temporaryDirectory(t);
    const mnt = join(directory, 'mnt');
    await mkdir(mnt);
    t.teardown(() => unmounted(mnt));
    const flags = `ro,_netdev,uid=1234,log_file=${directory}/log,cache_size=0`;
    const secret = ['--header', 'https://h: A: s3cret', '--plugin-option', 'p.key=s3cret'];
    const { code, stderr } = await run(process.execPath, [CLI, ...secret, '-o', flags, '--', 'a,b', mnt]);
    t.is(code, 0, stderr);
    t.is((await run('stat', ['-c', '%u', `${mnt}/dfs`])).stdout, '1234\n');
    const mount = await findMount(mnt);
    t.is(mount?.source, 'a,b');
    const server = mount && (await servingProcess(mount));
    for (const name of ['cmdline', 'environ']) {
      const shown = await readFile(`/proc/${server?.pid}/${name}`, 'utf8');
      t.true(shown.length > 0);
      t.notRegex(shown, /s3cret/);
    }
  },
);

test('a wrong option is a usage error that names option, expectation and finding', async (t) => {
  const { code, stderr } = await run(process.execPath, [CLI, '/nowhere', '--memory', '64 elephants']);
  t.is(code, 2);
  t.regex(stderr, /--memory.*a size such as 64MiB.*64 elephants/s);
});

test('a mistyped command mounts nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  const cases = [
    [['statu'], /"statu" is not a command or a directory; .* write \.\/statu\. Did you mean status\?/],
    [['frobnicate'], /"frobnicate" is not a command or a directory/],
    [['unmont', directory], /"unmont" is not a command\. Did you mean unmount\?/],
  ] as const;
  for (const [args, expected] of cases) {
    const { code, stderr } = await shell('cd "$1"; shift; "$@"', directory, process.execPath, CLI, ...args);
    t.is(code, 2);
    t.regex(stderr, expected);
  }
  t.deepEqual(await readdir(directory), []);
  t.is(await findMount(directory), undefined);
});

// S110
test.serial('a SOURCE may be like a command', async (t) => {
  const directory = await temporaryDirectory(t);
  const mnt = join(directory, 'mnt');
  await mkdir(mnt);
  t.teardown(() => unmounted(mnt));
  const own = ['--log-file', join(directory, 'log'), '--cache-size', '0'];
  for (const [source, ...flags] of [
    ['d7y-mount', '-o', 'ro'],
    ['unmont', '-o', 'ro'],
    ['d7y-mount'],
  ] as const) {
    const { code, stderr } = await run(process.execPath, [CLI, ...own, source, mnt, ...flags]);
    t.is(code, 0, stderr);
    t.is((await findMount(mnt))?.source, source);
    await unmounted(mnt);
  }
});

test('help shows the defaults', async (t) => {
  const { stdout } = await run(process.execPath, [CLI, '--help']);
  t.regex(stdout, /--memory.*default: 256MiB/);
  t.regex(stdout, /--metadata-ttl.*default: 60s/s);
  t.regex(stdout, /--negative-ttl.*default: 5s/s);
});

/** Waits until no process serves the mountpoint. */
async function processEnds(mnt: string): Promise<void> {
  const pattern = `${mnt} .*--foreground`;
  await until('the process ends', async () => (await run('pgrep', ['-f', '--', pattern])).stdout === '');
}

test('help is a command, of other commands too', async (t) => {
  const directory = await temporaryDirectory(t);
  const { code, stdout } = await shell('cd "$1" && "$2" "$3" help warm', directory, process.execPath, CLI);
  t.is(code, 0);
  t.regex(stdout, /^Usage: d7y-mount warm /);
  t.deepEqual(await readdir(directory), []);
});
