import { spawn } from 'node:child_process';
import { once } from 'node:events';

import test from 'ava';

import { identifyProcess, isRunning, whenProcessEnded } from '../../bin/serving-process.js';

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
