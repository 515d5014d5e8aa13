/** Mounts that are seen and operated by commands. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { controlSocket, runDirectory, servingProcess, whenProcessEnded } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { CLI, type Finished, mounted, run, shell, unmount } from '../support/mounted.js';
import { parseExposition } from '../support/exposition.js';
import { isOpen } from '../support/is-open.js';
import { freePort } from '../support/port.js';
import { startNginx } from '../support/nginx.js';
import { asRootForOthersSerially } from '../support/conditional-test.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

async function d7y(...args: string[]): Promise<Finished> {
  return await run(process.execPath, [CLI, ...args]);
}

async function json(...args: string[]): Promise<unknown> {
  const { stdout, stderr } = await d7y(...args, '--json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as unknown;
}

interface Opened {
  readonly child: ChildProcess;
  /** So far. */
  readonly text: () => string;
  /** All of it, when the program has ended. */
  readonly output: () => Promise<string>;
}

function opened(t: ExecutionContext, command: string, ...args: string[]): Opened {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  const closed = once(child, 'close');
  return {
    child,
    text: () => text,
    output: async () => {
      await closed;
      return text;
    },
  };
}

/** A program that has a file open. */
async function opening(
  t: ExecutionContext,
  path: string,
  command: string,
  ...args: string[]
): Promise<Opened> {
  const program = opened(t, command, ...args, path);
  await until(`${command} has ${path} open`, () => isOpen(program.child.pid, path));
  return program;
}

test.serial('a mount is listed and shown, counts what it does, and is operated', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'file.bin'), Buffer.alloc(300_000, 'x'));
  const nginx = await startNginx(t, { root });
  const config = join(root, 'config.yaml');
  await writeFile(config, 'metadataTtl: 60s\n', { mode: 0o600 });
  const path = await mounted(t, '--config', config);
  const pid = (await servingProcess((await findMount(path)) as never))?.pid;

  const mounts = (await json('list')) as { mountpoint: string }[];
  t.like(
    mounts.find(({ mountpoint }) => mountpoint === path),
    { pid, state: 'ready' },
  );
  t.like(await d7y('status', path, '--ready'), { code: 0, stdout: '', stderr: '' });
  t.like(await d7y('status', path, '--live'), { code: 0, stdout: '', stderr: '' });

  await run('cat', [`${path}/http/${nginx.host}/file.bin`]);
  t.is((await run('cat', [`${path}/no-such-scheme`])).code, 1);
  t.like(await json('stats', path), {
    operations: { lookup: { errors: { ENOENT: 1 } } },
    kernel: { passthrough_opens: 0 },
    requests: { retries: 0, received_bytes: 300_000 },
  });
  t.like(await json('status', path), {
    mountpoint: path,
    pid,
    state: 'ready',
    transport: 'dev-fuse',
    sources: [{ scheme: 'http', host: nginx.host, state: 'ok', errors: 0 }],
    config: { files: [config], ok: true },
  });
  const { stdout } = await d7y('status', path);
  t.true(stdout.startsWith(`${path}: ready\n`), stdout);
  const lines = (await d7y('stats', path, '-i', '10ms', '-n', '2', '--json')).stdout.trim().split('\n');
  t.is(lines.length, 2);
  t.like(JSON.parse(lines[0] ?? ''), { errors: 0, requests: { sent: 0 } });

  t.like(JSON.parse((await run('cat', [`${path}/.d7y/status.json`])).stdout), { pid, state: 'ready' });
  t.true(parseExposition((await run('cat', [`${path}/.d7y/metrics.prom`])).stdout).has('d7y_mount_inodes'));
  t.false((await run('ls', ['-A', path])).stdout.includes('.d7y'), 'find and updatedb pass it over');

  const attribute = async (name: string): Promise<string> =>
    (await run('getfattr', ['--only-values', '-n', `user.d7y.${name}`, path])).stdout;
  t.is(await attribute('pid'), String(pid));
  t.is(await attribute('errors'), '0');
  t.is((await run('getfattr', ['-d', path])).stdout, '', 'no list shows them, so that nothing copies them');

  t.is((await d7y('log-level', 'debug', path)).code, 0);
  t.is((await d7y('log-level', 'loud', path)).code, 2);
  await writeFile(config, 'metadataTtl: 1s\nmemory: 64MiB\n');
  t.deepEqual(await json('reload', path), { changed: ['metadataTtl'], needs_remount: ['memory'] });
  await writeFile(config, 'metadtaTtl: 1s\n');
  const refused = await d7y('reload', path);
  t.is(refused.code, 78);
  t.regex(refused.stderr, /config\.yaml:1:1 metadtaTtl: expected/);
  t.like(await json('status', path), { state: 'degraded', config: { ok: false } });
  t.is((await d7y('status', path, '--ready')).code, 0, 'it is degraded, and serves');

  await unmount(t, path);
  t.deepEqual(
    (await readdir(runDirectory())).filter((name) => name.includes(`.${pid}.`)),
    [],
  );
  const gone = await d7y('status', path);
  t.is(gone.code, 3);
  t.regex(gone.stderr, /is no mount of d7y-mount: nothing is mounted there/);
  t.like(await d7y('unmount', path), { code: 3, stderr: gone.stderr });
});

test.serial('content is evicted, and metadata forgotten', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'file.txt'), 'first');
  const nginx = await startNginx(t, { root });
  const path = await mounted(t, '--metadata-ttl', '1h');
  const file = `${path}/http/${nginx.host}/file.txt`;
  const read = async (): Promise<string> => (await run('cat', [file])).stdout;
  t.is(await read(), 'first');
  const url = `http://${nginx.host}/file.txt`;
  t.like(await json('evict', '--mountpoint', path, url), {
    mountpoint: path,
    memory: { files: 1, bytes: 5 },
  });
  const requests = (await nginx.accessLog()).length;
  t.is(await read(), 'first');
  t.true((await nginx.accessLog()).length > requests, 'the page cache has nothing of it either');
  await writeFile(join(root, 'file.txt'), 'second');
  t.is(await read(), 'first', 'its metadata is fresh');
  t.regex((await d7y('forget', file)).stdout, /^1 file is queried at its next use/);
  t.is(await read(), 'second');
  t.like(await json('evict', path), { memory: { files: 2, bytes: 11 } });
  t.is((await d7y('evict', '/tmp')).code, 3);
  await unmount(t, path);
});

test.serial('requests of the kernel are followed while others read, until Ctrl-C', async (t) => {
  const root = await temporaryDirectory(t);
  for (const name of ['1.bin', '2.bin', '3.bin'])
    await writeFile(join(root, name), Buffer.alloc(100_000, 'x'));
  const nginx = await startNginx(t, { root });
  const path = await mounted(t, '--show-control');
  t.true((await run('ls', ['-A', path])).stdout.startsWith('.d7y\n'));
  const [log, directory] = [join(path, '.d7y', 'accesslog'), join(path, 'http', nginx.host)];

  const head = await opening(t, log, 'head', '-1');
  await run('cat', [join(directory, '1.bin')]);
  t.regex(await head.output(), /^\S+Z\tlookup\t\/http\t-\t-\tok\t0\.\d{6}\t\d+\t\d+\t-\n$/);

  const cat = await opening(t, log, 'cat');
  await run('cat', [join(directory, '2.bin')]);
  const read = new RegExp(
    String.raw`\tread\t/http/${nginx.host}/2\.bin\t\d+\t\d+\tok\t.*\t(?:memory|source)\n`,
  );
  await until('the read is in the log', () => read.test(cat.text()));
  t.like(await json('status', path), { fuse: { in_flight: 0 } }, 'who waits for lines is not in flight');
  const tail = await opening(t, log, 'tail', '-f');
  for (const { child, output } of [cat, tail]) {
    child.kill('SIGINT');
    await output();
    t.is(child.signalCode, 'SIGINT');
  }

  const following = opened(t, process.execPath, CLI, 'stats', path, '--by', 'path', '-i', '500ms', '--json');
  await until('opens are counted', async () => {
    await run('cat', [join(directory, '3.bin')]);
    return /\{"path":"[^"]*3\.bin","read_bytes":\d+,"operations":[1-9]/.test(following.text());
  });
  following.child.kill();

  const config = join(path, '.d7y', 'config.yaml');
  t.is((await run('stat', ['-c', '%a', config])).stdout, '400\n');
  t.true((await run('cat', [config])).stdout.includes('showControl: true # --show-control\n'));

  const { child } = await opening(t, log, 'cat');
  const busy = await d7y('unmount', path);
  t.is(busy.code, 0);
  t.true(busy.stderr.includes(`was busy (used by cat (${child.pid})); it is detached`), busy.stderr);
});

test.serial('unmount in the mount itself names the shell alone', async (t) => {
  const path = await mounted(t);
  const script = 'cd "$1/dfs" && "$2" "$3" unmount "$1"; echo $$';
  const { stdout, stderr } = await shell(script, path, process.execPath, CLI);
  t.true(stderr.includes(`was busy (used by sh (${stdout.trim()})); it is detached`), stderr);
});

asRootForOthersSerially('another user cannot operate a mount', async (t) => {
  const path = await mounted(t);
  const mount = await findMount(path);
  const server = mount && (await servingProcess(mount));
  if (mount === undefined || server === undefined) return t.fail();
  const asOther = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const { code, stderr } = await run('setpriv', [...asOther, process.execPath, CLI, 'status', path]);
  t.is(code, 77);
  t.regex(stderr, /is a mount of user 0, who alone can operate it/);
  const script = `require('node:net').connect(${JSON.stringify(controlSocket(mount, server))})
    .on('connect', () => process.exit(0)).on('error', ({ code }) => { console.log(code); process.exit(1) })`;
  const connected = await run('setpriv', [...asOther, process.execPath, '-e', script]);
  t.like(connected, { code: 1, stdout: 'EACCES\n' });
});

test.serial('metrics are served where the option says, and an address in use fails the start', async (t) => {
  const port = await freePort();
  const path = await mounted(t, '--metrics-listen', `127.0.0.1:${port}`);
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
  t.true(parseExposition(await metrics.text()).has('d7y_mount_info'));
  t.is((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
  t.is((await fetch(`http://127.0.0.1:${port}/v1/status`)).status, 404);
  const directory = await temporaryDirectory(t);
  const other = join(directory, 'other');
  const own = ['--cache-size', '0', '--log-file', join(directory, 'log')];
  const refused = await d7y(other, ...own, '--metrics-listen', `127.0.0.1:${port}`);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /--metrics-listen 127\.0\.0\.1:\d+: cannot listen there: .*EADDRINUSE/);
  t.is(await findMount(other), undefined);
  await unmount(t, path);
});

test.serial('a process that hangs, and one that is dead, are distinguished within moments', async (t) => {
  const path = await mounted(t);
  const mount = await findMount(path);
  const server = mount && (await servingProcess(mount));
  if (server === undefined) return t.fail();
  process.kill(server.pid, 'SIGSTOP');
  const hung = await d7y('status', path).finally(() => process.kill(server.pid, 'SIGCONT'));
  t.is(hung.code, 4);
  t.regex(hung.stderr, new RegExp(`process ${server.pid}, which serves .*, does not answer`));
  process.kill(server.pid, 'SIGKILL');
  t.true(await whenProcessEnded(server, 60_000));
  const dead = await d7y('status', path);
  t.is(dead.code, 3);
  t.regex(dead.stderr, /the process that served .* has ended; 'd7y-mount unmount .*' removes what it left/);
  const mounts = (await json('list')) as { mountpoint: string }[];
  t.like(
    mounts.find(({ mountpoint }) => mountpoint === path),
    { state: 'broken', pid: null },
  );
  t.is((await d7y('unmount', path)).code, 0);
  const left = (await readdir(runDirectory())).filter((name) => name.includes(`.${server.pid}.`));
  t.deepEqual(left, [], 'nothing is left in the run directory');
});
