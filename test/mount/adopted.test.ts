/** `/dev/fd/N`: what another process has mounted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import test, { type ExecutionContext } from 'ava';

import { findMount } from '../../src/mount/mount-table.js';
import { asRootForOthersSerially, asRootSerially } from '../support/conditional-test.js';
import { CLI, run, shell, unmounted } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

/** Opens and mounts, gives up root if it is to, and becomes the command; `{fd}` in it is the descriptor. */
const MOUNTER = `
import ctypes, os, sys
target, uid, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
fd = os.open('/dev/fuse', os.O_RDWR)
data = f'fd={fd},rootmode=40000,user_id={uid},group_id={uid},allow_other'
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b'elsewhere', target.encode(), b'fuse.d7y', 1 | 2 | 4, data.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.set_inheritable(fd, True)
if uid != 0:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
os.execv(command[0], [word.replace('{fd}', str(fd)) for word in command])
`;

async function mountpointFor(t: ExecutionContext): Promise<string> {
  const mountpoint = join(await temporaryDirectory(t), 'mnt');
  await mkdir(mountpoint);
  t.teardown(() => unmounted(mountpoint));
  return mountpoint;
}

function start(mountpoint: string, uid: number, ...options: string[]): ChildProcess {
  const command = [process.execPath, CLI, '/dev/fd/{fd}', '--cache-size', '0', ...options];
  const env = { ...process.env, HOME: '/nonexistent' };
  return spawn('python3', ['-c', MOUNTER, mountpoint, String(uid), ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: uid === 0 ? process.env : env,
  });
}

async function readsHello(t: ExecutionContext, mountpoint: string): Promise<void> {
  await until('it is mounted', async () => (await findMount(mountpoint)) !== undefined);
  t.is((await shell('cat "$1/dfs/host/a"', mountpoint)).stdout, 'hello world');
}

asRootForOthersSerially(
  'a descriptor of another process is served without privileges, and not unmounted',
  async (t) => {
    const mountpoint = await mountpointFor(t);
    const nobody = 65_534;
    const server = start(mountpoint, nobody, '--foreground', '--allow-other');
    const ended = once(server, 'exit');
    await readsHello(t, mountpoint);
    server.kill('SIGTERM');
    t.regex(server.stderr === null ? '' : await text(server.stderr), /leaving the mount[^]*ended cleanly/);
    t.deepEqual(await ended, [0, null]);
    t.is((await findMount(mountpoint))?.source, 'elsewhere', 'the mount stands');
    t.regex((await shell('ls "$1"', mountpoint)).stderr, /not connected/);
  },
);

// S154
asRootSerially('the process ends when the mount does', async (t) => {
  const mountpoint = await mountpointFor(t);
  const server = start(mountpoint, 0, '--foreground');
  const ended = once(server, 'exit');
  await readsHello(t, mountpoint);
  await run('umount', [mountpoint]);
  t.deepEqual(await ended, [0, null]);
});

// S154
asRootSerially('in the background, too', async (t) => {
  const mountpoint = await mountpointFor(t);
  const log = join(await temporaryDirectory(t), 'log');
  const starter = start(mountpoint, 0, '--log-file', log);
  t.deepEqual(await once(starter, 'exit'), [0, null]);
  await readsHello(t, mountpoint);
  t.is((await run(process.execPath, [CLI, 'url', join(mountpoint, 'dfs/host/a')])).stdout, 'dfs://host/a\n');
  const { code } = await run(process.execPath, [CLI, 'unmount', mountpoint]);
  t.is(code, 0);
});

test('what is no FUSE descriptor is refused', async (t) => {
  const args = [CLI, '/dev/fd/0', '--foreground', '--cache-size', '0'];
  const { code, stderr } = await run(process.execPath, args);
  t.is(code, 1);
  t.regex(stderr, /\/dev\/fd\/0: cannot be served \(it is not \/dev\/fuse\)/);
  const native = await run(process.execPath, [...args, '--transport', 'fuse-native']);
  t.regex(native.stderr, /fuse-native cannot serve a descriptor/);
});
