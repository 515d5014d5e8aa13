/** What a mount says to systemd and logrotate. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { serviceNotifier } from '../../bin/service-notifier.js';
import { servingProcess } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { asRootSerially, testWhere } from '../support/conditional-test.js';
import { CLI, mounted, run, unmounted } from '../support/mounted.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const LOG = pino({ level: 'silent' });

/** A service manager's socket; Node has none of that type. Prints each message as JSON. */
const MANAGER = `
import json, socket, sys
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(chr(0) + path[1:] if path[0] == '@' else path)
print('{}', flush=True)
while True:
    lines = s.recv(65536).decode().split(chr(10))
    print(json.dumps(dict(line.split('=', 1) for line in lines)), flush=True)
`;

/** Empty: there is no such program. */
function versionOf(program: string): string {
  const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`;
}

type Message = Readonly<Record<string, string>>;

/** Resolves once it listens. The next message, without those of the watchdog unless they are expected. */
async function startManager(t: ExecutionContext, path: string): Promise<(key?: string) => Promise<Message>> {
  const manager = spawn('python3', ['-c', MANAGER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => manager.kill());
  const lines = createInterface({ input: manager.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Message> => JSON.parse(String((await lines.next()).value)) as Message;
  await next();
  return async (key) => {
    for (;;) {
      const message = await next();
      if (key === undefined ? message['WATCHDOG'] === undefined : message[key] !== undefined) return message;
    }
  };
}

// S155
test.serial(
  'a service manager is notified of the start, of reloads, of the end, and that the process is alive',
  async (t) => {
    const directory = await temporaryDirectory(t);
    const [socket, mountpoint] = [join(directory, 'notify'), join(directory, 'mnt')];
    const next = await startManager(t, socket);
    const environment = { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '100000' };
    const args = [CLI, '--foreground', '--cache-size', '0', mountpoint];
    const server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env: environment });
    t.teardown(() => unmounted(mountpoint));
    const ended = once(server, 'exit');
    const stored = [await next(), await next(), await next()];
    t.deepEqual(
      stored,
      ['d7y-device', 'd7y-journal-0', 'd7y-journal-1'].map((FDNAME) => ({ FDSTORE: '1', FDNAME })),
    );
    t.deepEqual(await next(), { READY: '1', STATUS: `serving ${mountpoint}` });
    t.is((await findMount(mountpoint))?.fsType, 'fuse.d7y');
    t.deepEqual(await next('WATCHDOG'), { WATCHDOG: '1' });
    const sentAtUsec = process.hrtime.bigint() / 1_000n;
    server.kill('SIGHUP');
    const { RELOADING, MONOTONIC_USEC } = await next();
    t.is(RELOADING, '1');
    t.true(BigInt(MONOTONIC_USEC ?? 0) >= sentAtUsec);
    t.like(await next(), { READY: '1' });
    server.kill('SIGTERM');
    t.deepEqual(await next(), { STOPPING: '1' });
    t.deepEqual(await ended, [0, null]);
  },
);

test('the variables of a service manager are not for programs that the mount starts', async (t) => {
  const name = `@d7y-mount-test-${process.pid}`;
  const next = await startManager(t, name);
  const environment = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1', OTHER: 'x' };
  const notifier = await serviceNotifier(LOG, environment);
  t.deepEqual(environment as object, { OTHER: 'x' });
  notifier.ready('a');
  notifier.stopping();
  t.deepEqual([await next(), await next('STOPPING')], [{ READY: '1', STATUS: 'a' }, { STOPPING: '1' }]);
  const nowhere = await serviceNotifier(LOG, { NOTIFY_SOCKET: '/nonexistent' });
  t.notThrows(() => nowhere.ready('a'));
});

const version = Number(/^systemd (\d+)/.exec(versionOf('systemd-analyze'))?.[1]);

testWhere(version > 0, 'systemd')('systemd accepts the unit', async (t) => {
  const unit = await readFile(join(DEPLOY, 'systemd/d7y-mount@.service'), 'utf8');
  const path = join(await temporaryDirectory(t), 'd7y-mount@mnt-models.service');
  const program = unit
    .replace('/usr/local/bin/d7y-mount', process.execPath)
    .replace(/^Documentation=.*\n/m, '');
  await writeFile(path, version < 253 ? program.replace('notify-reload', 'notify') : program);
  const { code, stderr } = await run('systemd-analyze', ['verify', path]);
  const own = stderr.split('\n').filter((line) => line.includes('d7y-mount'));
  t.deepEqual([code, own], [0, []], stderr);
});

// S156
asRootSerially('the rotation of logs makes a mount begin a new one', async (t) => {
  const snippet = await readFile(join(DEPLOY, 'logrotate/d7y-mount'), 'utf8');
  const script = /postrotate\n([\s\S]*?)\n\s*endscript/.exec(snippet)?.[1] ?? '';
  const mountpoint = await mounted(t);
  const log = join(mountpoint, '../log');
  const mount = await findMount(mountpoint);
  const server = mount && (await servingProcess(mount));
  await rename(log, `${log}.1`);
  t.deepEqual(await run('sh', ['-euc', script]), { code: 0, stdout: '', stderr: '' });
  await until(
    'there is a new log',
    async () => (await readFile(log, 'utf8').catch(() => undefined)) !== undefined,
  );
  process.kill(server?.pid ?? 0, 'SIGHUP');
  await until('it is written to', async () => (await readFile(log, 'utf8')).includes('anew'));
  const inspector = await run('sh', ['-c', `ls -l /proc/${server?.pid}/fd | grep -c 'log$'`]);
  t.is(inspector.stdout.trim(), '1', 'the old file is closed');
});

testWhere(versionOf('logrotate') !== '', 'logrotate')('logrotate accepts its file', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'state'));
  const path = join(directory, 'conf');
  const text = await readFile(join(DEPLOY, 'logrotate/d7y-mount'), 'utf8');
  await writeFile(path, text.replace('/var/log/', `${directory}/`), { mode: 0o644 });
  const { code, stderr } = await run('logrotate', ['--debug', '--state', join(directory, 'state/s'), path]);
  t.is(code, 0);
  t.notRegex(stderr, /^error/m);
});
