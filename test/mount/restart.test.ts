/** A mount outlives the process that serves it (docs/ARCHITECTURE.md, "The journal"). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { supervisorOf, whenProcessEnded } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { startReaders } from '../support/busy-readers.js';
import { asRootSerially } from '../support/conditional-test.js';
import { CLI, mounted, run, shell } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { freePort } from '../support/port.js';
import { randomFiles, type SupervisedMount, supervisedMount } from '../support/supervised-mount.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

/** `npm run test:restart` has 100. */
const KILLS = Number(process.env['D7Y_TEST_KILLS'] ?? 3);
/** A process that served for less than 2 s counts as failed, of which five in a row end the mount. */
const SERVED_MS = KILLS > 3 ? 2_500 : 500;

async function readersGoOn(
  t: ExecutionContext,
  { mountpoint, kill }: SupervisedMount,
  files: string,
  host: string,
  kills: number,
): Promise<void> {
  const mount = `${mountpoint}/http/${host}`;
  const scratch = await temporaryDirectory(t);
  const end = startReaders(t, { mount, files, scratch, count: 20 });
  const pausesMs: number[] = [];
  for (let i = 0; i < kills; i += 1) {
    await sleep(SERVED_MS);
    pausesMs.push(Math.round(await kill()));
  }
  await sleep(SERVED_MS);
  const reports = await end();
  const sortedMs = pausesMs.toSorted((a, b) => a - b);
  if (kills > 3) t.log({ medianMs: sortedMs[kills >> 1], maxMs: sortedMs.at(-1), reports });
  t.deepEqual(
    reports.filter(({ error }) => error !== null),
    [],
  );
  t.is(reports.length, 20);
  t.deepEqual(
    reports.filter(({ rounds }) => rounds === 0),
    [],
    'each was through',
  );
}

// S160
test.serial('readers go on when the process that serves the mount is killed', async (t) => {
  t.timeout(60_000 + KILLS * 10_000);
  const files = await randomFiles(t, 20_000_000);
  const { host } = await startNginx(t, { root: files });
  await readersGoOn(t, await supervisedMount(t, '--metadata-ttl', '1s'), files, host, KILLS);
});

const d7y = (...args: string[]) => run(process.execPath, [CLI, ...args]);

// S160, S162
test.serial('restart lets the installed program go on, and what is open stays open', async (t) => {
  const files = await randomFiles(t, 3_000_000);
  const { host } = await startNginx(t, { root: files });
  const { mountpoint, server, log } = await supervisedMount(t);
  const before = await server();
  const reader = await shell(
    `exec 3< "$1/http/$2/big"; head -c 1000 <&3 > "$3/read"; "$4" "$5" restart "$1" --json; cat <&3 >> "$3/read"
     cmp "$3/read" "$3/big"; ls "$1/http/$2" | wc -l`,
    mountpoint,
    host,
    files,
    process.execPath,
    CLI,
  );
  const [restarted = '', names] = reader.stdout.trim().split('\n');
  t.like(JSON.parse(restarted), { mountpoint, pid: (await server()).pid });
  t.not((await server()).pid, before.pid);
  // With the copy that was read.
  t.is(names, '22');
  t.like(reader, { code: 0, stderr: '' });
  const { stdout } = await d7y('status', mountpoint, '--json');
  t.like(JSON.parse(stdout), { keeper: 'supervisor', state: 'ready' });
  t.regex(await readFile(log, 'utf8'), /another process goes on with the mount[^]*"goes on with the mount"/);
});

// S160
test.serial('readers go on when another program took the address of the metrics meanwhile', async (t) => {
  const files = await randomFiles(t, 1_000);
  const { host } = await startNginx(t, { root: files });
  const port = await freePort();
  const address = { host: '127.0.0.1', port };
  const { mountpoint, kill, log } = await supervisedMount(t, '--metrics-listen', `127.0.0.1:${port}`);
  const other = createServer();
  t.teardown(() => other.close());
  other.on('error', () => setImmediate(() => other.listen(address)));
  other.listen(address);
  await kill();
  t.true(other.listening);
  await until('it was tried', async () => (await readFile(log, 'utf8')).includes('there are no metrics yet'));
  t.is((await shell('wc -c < "$1/http/$2/big"', mountpoint, host)).stdout, '1000\n');
  other.close();
  await until('there are metrics', () =>
    fetch(`http://127.0.0.1:${port}/livez`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
});

// S162
test.serial('restart is refused where it cannot be, and names what needs a new mount', async (t) => {
  const config = join(await temporaryDirectory(t), 'config.yaml');
  await writeFile(config, 'umask: "022"\n', { mode: 0o600 });
  const { mountpoint, server, kill, log } = await supervisedMount(t, '--config', config);
  const before = await server();
  await writeFile(config, 'exec: false\numask: "077"\n');
  const refused = await d7y('restart', mountpoint);
  t.like(refused, { code: 1, stdout: '' });
  t.regex(refused.stderr, /these need a new mount: exec, umask\n.*goes on as it was/);
  await writeFile(config, 'umusk: "077"\n');
  t.is((await d7y('restart', mountpoint)).code, 78);
  t.deepEqual(await server(), before);
  // After a crash such options stay as they were.
  await writeFile(config, 'exec: false\numask: "077"\n');
  await kill();
  t.is((await shell('stat -c %a "$1/dfs"', mountpoint)).stdout, '555\n');
  t.regex(await readFile(log, 'utf8'), /these need a new mount, and stay as they are: exec, umask/);
});

// S162
test.serial('a mount that nothing keeps is not restarted', async (t) => {
  const alone = await mounted(t);
  t.regex((await d7y('restart', alone)).stderr, /cannot be restarted: nothing keeps it meanwhile/);
  const native = await mounted(t, '--transport', 'fuse-native');
  t.regex((await d7y('restart', native)).stderr, /cannot be restarted: fuse-native cannot hand it over/);
});

// S160
test.serial('a fault of the program does not unmount', async (t) => {
  const { mountpoint, kill, log } = await supervisedMount(t);
  await kill('SIGUSR2');
  t.is((await shell('cat "$1/dfs/host/a"', mountpoint)).stdout, 'hello world');
  t.regex(await readFile(log, 'utf8'), /unexpected; another process goes on/);
});

// S163
test.serial('a supervisor that ends is followed by another one', async (t) => {
  const { mount, supervisor, kill, mountpoint } = await supervisedMount(t);
  process.kill(supervisor.pid, 'SIGKILL');
  await until('there is another one', async () => {
    const next = await supervisorOf(mount);
    return next !== undefined && next.pid !== supervisor.pid;
  });
  await kill();
  const next = await supervisorOf(mount);
  t.is((await shell('cat "$1/dfs/host/a"', mountpoint)).stdout, 'hello world');
  t.is((await d7y('unmount', mountpoint)).code, 0);
  t.true(next !== undefined && (await whenProcessEnded(next, 30_000)));
});

// S160, S163
test.serial('a mount can be listed, and unmounted, while no process serves it', async (t) => {
  const { mountpoint, supervisor, kill, server } = await supervisedMount(t);
  // A start after so many failures waits for 1.6 s.
  for (let i = 0; i < 3; i += 1) await kill();
  const held = spawn('sh', ['-c', 'exec 3< "$1/dfs/host/a"; echo open; read _; cat <&3', 'sh', mountpoint]);
  await once(held.stdout, 'data');
  const { pid, startTicks } = await server();
  process.kill(pid, 'SIGKILL');
  t.true(await whenProcessEnded({ pid, startTicks }, 30_000));
  const { stdout } = await d7y('list', '--json');
  const listed = (JSON.parse(stdout) as { mountpoint: string; state: string }[]).find(
    (one) => one.mountpoint === mountpoint,
  );
  t.is(listed?.state, 'restarting');
  t.regex((await d7y('status', mountpoint)).stderr, /is restarting/);
  const unmounted = await d7y('unmount', mountpoint);
  t.is(unmounted.code, 0);
  t.regex(unmounted.stderr, /was busy.*what was open on it fails/);
  t.true(await whenProcessEnded(supervisor, 30_000));
  held.stdin.end('\n');
  t.regex(await text(held.stderr), /not connected|aborted/);
});

test.serial('unmount signals the process of a mount in use once, by its supervisor', async (t) => {
  const { mountpoint, supervisor, log } = await supervisedMount(t);
  const held = spawn('sh', ['-c', 'exec 3< "$1/dfs/host/a"; echo open; read _', 'sh', mountpoint]);
  await once(held.stdout, 'data');
  process.kill(supervisor.pid, 'SIGSTOP');
  const unmounting = d7y('unmount', mountpoint);
  const status = `/proc/${supervisor.pid}/status`;
  await until('SIGTERM waits', async () => /^ShdPnd:.*4...$/m.test(await readFile(status, 'utf8')));
  process.kill(supervisor.pid, 'SIGCONT');
  t.is((await unmounting).code, 0);
  held.kill();
  const lines = await readFile(log, 'utf8');
  t.regex(lines, /"unmounting"[^]*"unmounted cleanly"/);
  // After which it exits before all is stored.
  t.false(lines.includes('another signal'), lines);
});

// S163
test.serial('a mount whose processes end at once is given up', async (t) => {
  const { mountpoint, mount, supervisor, kill, server, log } = await supervisedMount(t);
  for (let i = 0; i < 4; i += 1) await kill();
  process.kill((await server()).pid, 'SIGKILL');
  await until('it is unmounted', async () => (await findMount(mountpoint)) === undefined);
  t.true(await whenProcessEnded(supervisor, 30_000));
  t.is(await supervisorOf(mount), undefined);
  t.regex(await readFile(log, 'utf8'), /end at once; it is unmounted/);
});

// S164
test.serial('a mount whose configuration has a fault when it is to go on says so in its log', async (t) => {
  const config = join(await temporaryDirectory(t), 'config.yaml');
  await writeFile(config, 'metadataTtl: 60s\n', { mode: 0o600 });
  const { mountpoint, server, log } = await supervisedMount(t, '--config', config);
  await writeFile(config, 'metadataTtl: sixty\n');
  process.kill((await server()).pid, 'SIGKILL');
  await until('it is in the log', async () =>
    /config\.yaml:1:\d+ metadataTtl/.test(await readFile(log, 'utf8')),
  );
  await writeFile(config, '');
  await server();
  t.is((await shell('stat -c %a "$1/dfs"', mountpoint)).stdout, '555\n');
});

// S164
asRootSerially('a connection that is aborted ends the process, with an error, and the mount', async (t) => {
  const { mountpoint, mount, supervisor, server, log } = await supervisedMount(t);
  const { pid, startTicks } = await server();
  const control = join(await temporaryDirectory(t), 'control');
  await shell(
    'mkdir "$1" && mount -t fusectl none "$1" && echo 1 > "$1/$2/abort"; umount "$1"',
    control,
    mount.device.replace('0:', ''),
  );
  t.true(await whenProcessEnded({ pid, startTicks }, 30_000));
  t.true(await whenProcessEnded(supervisor, 30_000));
  t.is(await findMount(mountpoint), undefined);
  const logged = await readFile(log, 'utf8');
  t.regex(logged, /was aborted; the mount is removed/);
  t.notRegex(logged, /unmounted cleanly/);
});

test.serial('the journal has no credentials', async (t) => {
  const files = await randomFiles(t, 1_000);
  const { host } = await startNginx(t, { root: files });
  const { mountpoint, server } = await supervisedMount(
    t,
    '--header',
    `http://${host}: Authorization: Bearer s3cr3t`,
  );
  t.is((await shell('ls "$1" && wc -c "$1"/*', `${mountpoint}/http/${host}`)).code, 0);
  const { pid } = await server();
  // Links to files without a name, which can be read by them.
  const fds = (
    await run('sh', ['-c', `cd /proc/${pid}/fd && ls -l | grep -o '[0-9]* -> /memfd:d7y' | cut -d' ' -f1`])
  ).stdout;
  const [first = '', second = ''] = fds.trim().split('\n');
  const journal = (await shell('cat "$1" "$2"', `/proc/${pid}/fd/${first}`, `/proc/${pid}/fd/${second}`))
    .stdout;
  t.regex(journal, /"small-1","file"/);
  t.notRegex(journal, /s3cr3t|Bearer|Authorization/i);
});
