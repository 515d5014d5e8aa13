import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';

import {
  identifyProcess,
  isRunning,
  recordProcess,
  servingProcess,
  whenProcessEnded,
} from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';

// S102
test('a number that another process has by now stands for the one that ended', async (t) => {
  const child = spawn('sleep', ['60']);
  t.teardown(() => child.kill());
  await once(child, 'spawn');
  const found = await identifyProcess(child.pid ?? 0);
  t.truthy(found);
  if (found === undefined) return;
  t.true(await isRunning(found));
  const former = { ...found, startTicks: String(Number(found.startTicks) - 1) };
  t.false(await isRunning(former));
  t.true(await whenProcessEnded(former, 60_000));
  child.kill('SIGKILL');
  t.true(await whenProcessEnded(found, 60_000));
});

// S102
test('the record of a process stays when another one that had the same device number removes its own', async (t) => {
  const [mount, children] = [await findMount('/proc'), [spawn('sleep', ['60']), spawn('sleep', ['60'])]];
  t.teardown(() => children.forEach((child) => child.kill()));
  await Promise.all(children.map((child) => once(child, 'spawn')));
  const [next, former] = children.map(({ pid }) => pid);
  if (mount === undefined) return t.fail();
  const removeNext = await recordProcess('/proc', { pid: next });
  // The times of files count in ticks of up to 10 ms.
  await sleep(20);
  const removeFormer = await recordProcess('/proc', { pid: former });
  t.is((await servingProcess(mount))?.pid, former, 'the one that recorded itself last');
  await removeFormer();
  t.is((await servingProcess(mount))?.pid, next);
  await removeNext();
  t.is(await servingProcess(mount), undefined);
});

test('a process whose first thread ended has not ended while others run', async (t) => {
  const script = `import ctypes, threading, time
threading.Thread(target=lambda: (time.sleep(0.3), print('written', flush=True), time.sleep(60))).start()
ctypes.CDLL(None).pthread_exit(None)`;
  const child = spawn('python3', ['-c', script]);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const found = await identifyProcess(child.pid ?? 0);
  if (found === undefined) return t.fail();
  t.true(await isRunning(found));
  child.kill('SIGKILL');
  t.true(await whenProcessEnded(found, 60_000));
});
