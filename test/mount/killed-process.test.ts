/** A process that was killed while one of its threads waits in the kernel, for what only it could have answered. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import type { ExecutionContext } from 'ava';

import { servingProcess, whenProcessEnded } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { asRootSerially } from '../support/conditional-test.js';
import { startFaultServer } from '../support/fault-server.js';
import { CLI, mounted, run } from '../support/mounted.js';
import { until } from '../support/until.js';

/**
 * The kernel holds the lock of a directory during a LOOKUP, which `hangs` never answers, and a notification about a name
 * in it waits for that lock, so that the killed process cannot close the connection.
 */
async function killedWhileNotifying(
  t: ExecutionContext,
): Promise<{ mountpoint: string; isOver: () => boolean }> {
  const { origin } = await startFaultServer(t, ({ url }, response) => {
    if (url === '/hangs.bin') return;
    response.writeHead(200, { etag: '"1"', 'content-length': 1 }).end('x');
  });
  const mountpoint = await mounted(t, '--timeout', '60s');
  const directory = join(mountpoint, 'http', new URL(origin).host);
  await run('cat', [join(directory, 'evicted.bin')]);
  const reader = spawn('cat', [join(directory, 'hangs.bin')], { stdio: 'ignore' });
  t.teardown(() => reader.kill('SIGKILL'));
  let isOver = false;
  void once(reader, 'exit').then(() => {
    isOver = true;
  });
  const mount = await findMount(mountpoint);
  const server = mount && (await servingProcess(mount));
  if (server === undefined) throw new Error('nothing is mounted');
  await until('a notification waits', async () => {
    await run(process.execPath, [CLI, 'evict', mountpoint]);
    const tasks = await readdir(`/proc/${server.pid}/task`);
    const stats = await Promise.all(
      tasks.map((task) => readFile(`/proc/${server.pid}/task/${task}/stat`, 'utf8')),
    );
    return stats.some((stat) => stat.includes(') D '));
  });
  process.kill(server.pid, 'SIGKILL');
  t.false(await whenProcessEnded(server, 500), 'it cannot end');
  return { mountpoint, isOver: () => isOver };
}

// S99
asRootSerially('the next start replaces the mount of a killed process that cannot end', async (t) => {
  const { mountpoint, isOver } = await killedWhileNotifying(t);
  t.like(
    await run(process.execPath, [CLI, mountpoint, '--cache-size', '0', '--log-file', `${mountpoint}.log`]),
    { code: 0 },
  );
  await until('its reader has ended', isOver);
  t.is((await run('cat', [join(mountpoint, 'dfs/host/a')])).stdout, 'hello world');
});

asRootSerially('unmount ends a killed process that cannot end', async (t) => {
  const { mountpoint, isOver } = await killedWhileNotifying(t);
  t.like(await run(process.execPath, [CLI, 'unmount', mountpoint]), { code: 0, stderr: '' });
  await until('its reader has ended', isOver);
  t.is(await findMount(mountpoint), undefined);
});
