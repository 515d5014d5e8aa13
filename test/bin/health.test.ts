/** What health checks see. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { servingProcess } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { startFaultServer } from '../support/fault-server.js';
import { mounted } from '../support/mounted.js';
import { freePort } from '../support/port.js';
import { until } from '../support/until.js';

const LIMIT_MS = 5_000;

test('a source that hangs changes nothing in health, and a process that stands still gives no answer', async (t) => {
  const server = await startFaultServer(t, () => undefined);
  const port = await freePort();
  const path = await mounted(t, '--metrics-listen', `127.0.0.1:${port}`);
  const get = async (name: string, limitMs = LIMIT_MS): Promise<Response> =>
    await fetch(`http://127.0.0.1:${port}/${name}`, { signal: AbortSignal.timeout(limitMs) });
  const reader = spawn('cat', [join(path, server.origin.replace('://', '/'), 'a.bin')], { stdio: 'ignore' });
  t.teardown(() => reader.kill('SIGKILL'));
  await until('the source is queried', () => server.requests.length > 0);
  for (const name of ['livez', 'readyz', '']) t.is((await get(name)).status, 200, name);
  const metrics = await (await get('metrics')).text();
  t.regex(metrics, /^d7y_mount_fuse_requests_in_flight [1-9]/m);
  t.regex(
    metrics,
    /^d7y_mount_fuse_oldest_request_seconds 0\.0*[1-9]|^d7y_mount_fuse_oldest_request_seconds [1-9]/m,
  );
  t.is(server.requests.length, 1, 'no probe queries the source');

  const mount = await findMount(path);
  const serving = mount && (await servingProcess(mount));
  if (serving === undefined) return t.fail();
  process.kill(serving.pid, 'SIGSTOP');
  try {
    for (const name of ['livez', 'readyz'])
      t.is(await get(name, 300).catch((error: Error) => error.name), 'TimeoutError', name);
  } finally {
    process.kill(serving.pid, 'SIGCONT');
  }
  for (const name of ['livez', 'readyz']) t.is((await get(name)).status, 200, name);
});
