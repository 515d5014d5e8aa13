import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { findMount } from '../../src/mount/mount-table.js';
import { asRootSerially, isRoot, testWhere } from '../support/conditional-test.js';
import { CLI, eachTransport, mounted, run, shell, TRANSPORTS, unmounted } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const NOBODY = 65_534;

/** Waits until no process serves the mountpoint, and nothing is mounted there. */
async function ends(t: ExecutionContext, mnt: string): Promise<void> {
  await until('the process and the mount end', async () => {
    // Whole arguments, in the background or the foreground: neither a shell's script nor the log's name.
    const { stdout } = await shell('pgrep -f -- "^(d7y-mount|[^ ]*node [^ ]*background.js) .*$1 "', mnt);
    return stdout === '' && (await findMount(mnt)) === undefined;
  });
  t.pass();
}

/** A mount in the foreground, which stands. */
async function inForeground(
  t: ExecutionContext,
  mnt: string,
  options: readonly string[] = [],
  env = process.env,
): Promise<{ child: ChildProcess; exit: Promise<number | null> }> {
  const args = [
    CLI,
    '-f',
    mnt,
    '--log-level',
    'error',
    '--cache-size',
    '0',
    '--header',
    'https://h: A: s3cret',
    ...options,
  ];
  const child = spawn(process.execPath, args, { stdio: 'ignore', env });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await until('it is mounted', async () => (await findMount(mnt)) !== undefined);
  t.is((await run('ls', [mnt])).code, 0);
  return { child, exit };
}

eachTransport('umount ends the process', async (t, mount) => {
  const mnt = await mount();
  t.is((await run('umount', [mnt])).code, 0);
  await ends(t, mnt);
});

// For an ordinary user it reads that file, which containers may lack.
const withMtab = testWhere(isRoot || existsSync('/etc/mtab'), '/etc/mtab', test.serial);
withMtab('fusermount -u ends the process', (t) => isEndedBy(t, 'fusermount', '-u'));
test.serial('umount -l ends the process', (t) => isEndedBy(t, 'umount', '-l'));

async function isEndedBy(t: ExecutionContext, command: string, flag: string): Promise<void> {
  const mnt = await mounted(t);
  t.is((await run(command, [flag, mnt])).code, 0);
  await ends(t, mnt);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // S103
  test.serial(`${signal} ends a mount in the foreground, with exit code 0`, async (t) => {
    const mnt = join(await temporaryDirectory(t), 'mnt');
    t.teardown(() => unmounted(mnt));
    const { child, exit } = await inForeground(t, mnt);
    const shown = await readFile(`/proc/${child.pid}/cmdline`, 'utf8');
    t.regex(shown, /^d7y-mount -f .* --header \*\*\*/);
    t.notRegex(shown, /s3cret/);
    child.kill(signal);
    t.is(await exit, 0);
    await ends(t, mnt);
    t.not((await run('test', ['-e', mnt])).code, 0, 'the directory that it made is left');
  });
}

for (const transport of TRANSPORTS) {
  for (const isBusy of [false, true]) {
    const title = `${transport}: two signals at once leave no dead mountpoint${isBusy ? ', while a file is open' : ''}`;
    test.serial(title, async (t) => {
      const directory = await temporaryDirectory(t);
      const [mnt, temporary] = [join(directory, 'mnt'), join(directory, 'tmp')];
      await mkdir(temporary);
      t.teardown(() => unmounted(mnt));
      const env = { ...process.env, TMPDIR: temporary };
      const { child, exit } = await inForeground(t, mnt, ['--transport', transport], env);
      const user = isBusy
        ? spawn('sh', ['-c', 'exec 3< "$1"; echo; sleep 60', 'sh', `${mnt}/dfs`])
        : undefined;
      t.teardown(() => user?.kill());
      if (user !== undefined) await new Promise((resolve) => user.stdout.once('data', resolve));
      // Two of one kind may be delivered as one.
      child.kill('SIGINT');
      child.kill('SIGTERM');
      t.not(await exit, null, 'it was killed by the signal');
      await ends(t, mnt);
      t.deepEqual(await readdir(temporary), []);
    });
  }
}

/** Mounts with a terminal of its own, which `script` is. Its end hangs up. */
async function onTerminal(command: string, directory: string): Promise<() => void> {
  const mnt = join(directory, 'mnt');
  const args = `-f ${mnt} --cache-size 0 --log-file ${directory}/log`;
  const line = `exec ${command} ${process.execPath} ${CLI} ${args}`;
  const terminal = spawn('script', ['-qec', line, '/dev/null'], {
    cwd: directory,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const log = (): Promise<string> => readFile(join(directory, 'log'), 'utf8').catch(() => '');
  await until('it is mounted', async () => /"mounted"/.test(await log()));
  return () => terminal.kill('SIGKILL');
}

// S104
test.serial('a hang-up ends a mount that is in the foreground of a terminal', async (t) => {
  const directory = await temporaryDirectory(t);
  t.teardown(() => unmounted(join(directory, 'mnt')));
  const hangUp = await onTerminal('', directory);
  hangUp();
  await ends(t, join(directory, 'mnt'));
});

// S104
test.serial('nohup keeps a mount in the foreground from that', async (t) => {
  const directory = await temporaryDirectory(t);
  const mnt = join(directory, 'mnt');
  t.teardown(() => unmounted(mnt));
  const hangUp = await onTerminal('nohup', directory);
  hangUp();
  await until('it got the signal', async () =>
    (await readFile(join(directory, 'log'), 'utf8')).includes('SIGHUP'),
  );
  t.is((await run('cat', [`${mnt}/dfs/h/x`])).stdout, 'hello world');
  t.is((await run('umount', [mnt])).code, 0);
  await ends(t, mnt);
});

// S109 S110
asRootSerially('a line of fstab is mounted by mount -a, once, with its source and its options', async (t) => {
  const directory = await temporaryDirectory(t);
  const [mnt, fstab] = [join(directory, 'mnt'), join(directory, 'fstab')];
  await mkdir(mnt);
  // mount(8) clears PATH: `env node` would find another Node.js, or none.
  const program = `#!/bin/sh\nexec ${process.execPath} ${CLI} "$@"\n`;
  await writeFile(join(directory, 'd7y-mount'), program, { mode: 0o755 });
  t.teardown(() => unmounted(mnt));
  const flags = `defaults,noexec,relatime,sync,nofail,_netdev,uid=1234,cache_size=0,log_file=${directory}/log`;
  await writeFile(fstab, `the\\040world ${mnt} fuse.${directory}/d7y-mount ${flags} 0 0\n`);
  const { code, stderr } = await run('mount', ['-a', '-T', fstab]);
  t.is(code, 0, stderr);
  t.regex(stderr, /mounted read-only/);
  const again = await run('mount', ['-a', '-T', fstab]);
  t.is(again.code, 0, again.stderr);
  t.is((await run('stat', ['-c', '%u', `${mnt}/dfs`])).stdout, '1234\n');
  const mount = await findMount(mnt);
  t.is(mount?.source, 'the world');
  t.true(mount?.options.includes('noexec'));
  const remounted = await run('mount', ['-T', fstab, '-o', 'remount', mnt]);
  t.is(remounted.code, 0, remounted.stderr);
  t.regex(remounted.stderr, /stays as it is/);
});

// Node's own directory and a clone's may be closed to others: reading is allowed to the user, nothing else.
const AS_NOBODY = `setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups --inh-caps +dac_read_search \
  --ambient-caps +dac_read_search env -u XDG_CACHE_HOME -u XDG_STATE_HOME -u XDG_RUNTIME_DIR HOME=$directory`;

asRootSerially('an ordinary user mounts, reads and unmounts', async (t) => {
  const directory = await temporaryDirectory(t);
  await chown(directory, NOBODY, NOBODY);
  // In a mount namespace with a device that everybody may open, as udev makes it.
  const { code, stdout, stderr } = await shell(
    `directory=$1; mnt=$1/mnt; export directory mnt; exec unshare -m sh -euc '
      mknod "$directory/fuse" c 10 229; chmod 666 "$directory/fuse"; mount --bind "$directory/fuse" /dev/fuse
      ${AS_NOBODY} "$0" "$1" "$mnt" > "$directory/out"
      ${AS_NOBODY} cat "$mnt/dfs/h/x"
      ls "$mnt" 2>&1 || true
      ${AS_NOBODY} "$0" "$1" unmount "$mnt"
      grep "$mnt" /proc/self/mounts || echo; echo unmounted' "$2" "$3"`,
    directory,
    process.execPath,
    CLI,
  );
  t.is(code, 0, stderr);
  t.regex(stdout, /^hello world.*Permission denied\n\nunmounted\n$/);
  await ends(t, join(directory, 'mnt'));
});

asRootSerially('--allow-other lets other users in', async (t) => {
  const mnt = await mounted(t, '--allow-other');
  await shell('chmod 755 "$(dirname "$1")"', mnt);
  const { stdout } = await shell(`directory=/; ${AS_NOBODY} cat "$1/dfs/h/x"`, mnt);
  t.is(stdout, 'hello world');
});

for (const transport of TRANSPORTS) {
  // S169
  asRootSerially(`${transport}: --umask keeps others from what it takes from them`, async (t) => {
    const mnt = await mounted(t, '--transport', transport, '--allow-other', '--umask', '077');
    await shell('chmod 755 "$(dirname "$1")"', mnt);
    const ids = ['--reuid', NOBODY, '--regid', NOBODY].map(String);
    const refused = await run('setpriv', [...ids, '--clear-groups', 'cat', `${mnt}/dfs/h/x`]);
    t.regex(refused.stderr, /Permission denied/);
    t.is((await run('cat', [`${mnt}/dfs/h/x`])).stdout, 'hello world');
  });
}
