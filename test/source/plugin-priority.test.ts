import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import test, { type ExecutionContext } from 'ava';

import { type CompleteClient, Request } from '../../src/source/index.js';
import type { PluginSet } from '../../src/source/plugin/plugin-set.js';
import { giveLowestPriority, giveOwnPriority } from '../../src/source/plugin/priority.js';
import { addModule, clientOf, pluginDirectory, pluginSet, textOf } from '../support/plugins.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const LOWEST = 19;

/** The nice values of a process: those of its threads, and that of its session where those are grouped. */
interface Rank {
  readonly threads: readonly number[];
  readonly session: number | undefined;
}

function rankOf(pid: number): Rank {
  const ofThreads = readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    } catch {
      return []; // It has ended.
    }
  });
  return { threads: [...new Set(ofThreads)], session: sessionNice(String(pid)) };
}

/** Nothing where sessions are not grouped, and for a process that the init system started in its own session. */
function sessionNice(pid: string): number | undefined {
  try {
    const nice = / nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'utf8'))?.[1];
    return nice === undefined ? undefined : Number(nice);
  } catch {
    return undefined;
  }
}

/** Says what it is instead, when it does not come to that. */
async function untilRank(t: ExecutionContext, pid: number, wanted: Rank): Promise<void> {
  const isSo = () => isDeepStrictEqual(rankOf(pid), wanted);
  await until('the rank is as wanted', isSo).catch(() => t.deepEqual(rankOf(pid), wanted));
}

/** Whether all threads have the priority. */
function isAll(pid: number, priority: number): boolean {
  return isDeepStrictEqual(rankOf(pid).threads, [priority]);
}

interface Busy {
  readonly plugins: PluginSet;
  readonly client: CompleteClient;
  readonly pid: number;
  /** Lets a loop come to its end. */
  readonly endLoop: () => Promise<void>;
}

async function busy(t: ExecutionContext, callLimitMs: number): Promise<Busy> {
  const directory = await pluginDirectory(t);
  const flag = join(await temporaryDirectory(t), 'enough');
  await addModule(directory, 'busy', {
    top: `import { existsSync } from 'node:fs';`,
    client: `download: async ({ url }) => {
      if (url.hostname === 'waits') await new Promise((go) => setTimeout(go, 1_500));
      if (url.hostname === 'loops') while (!existsSync(${JSON.stringify(flag)}));
      return data;
    },`,
  });
  const plugins = pluginSet(t, directory, { callLimitMs });
  const client = await clientOf(plugins, 'busy');
  return { plugins, client, pid: plugins.pids[0] ?? 0, endLoop: () => writeFile(flag, '') };
}

test.serial('who takes the processor for nothing goes behind everybody, and comes back', async (t) => {
  const { client, pid, endLoop } = await busy(t, 60_000);
  const own = rankOf(pid);
  t.deepEqual(own.threads, [getPriority()]);
  t.is(await textOf(client, 'busy://waits/x'), 'hello from busy');
  t.deepEqual(rankOf(pid), own, 'who only waits stays');

  const text = textOf(client, 'busy://loops/x');
  const session = own.session === undefined ? undefined : LOWEST;
  await untilRank(t, pid, { threads: [LOWEST], session });
  await endLoop();
  t.is(await text, 'hello from busy', 'it is not ended for that');
  // An ordinary user may not raise the priority of threads.
  const threads = process.getuid?.() === 0 ? own.threads : [LOWEST];
  const back = own.session === undefined ? undefined : (sessionNice('self') ?? 0);
  await untilRank(t, pid, { threads, session: back });
});

test.serial('threads that are started while priorities change are not left with the old one', async (t) => {
  // Each thread starts the next one and ends a moment later, the way a pool comes to be.
  const program = `
import threading, time, sys
def link():
    time.sleep(0.002)
    threading.Thread(target=link).start()
    time.sleep(0.002)
for _ in range(8): threading.Thread(target=link).start()
print('ready', flush=True)
`;
  const child = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  // An ordinary user may not raise the priority of threads.
  const own = process.getuid?.() === 0 ? getPriority() : LOWEST;
  for (let round = 0; round < 20; round++) {
    // One whose starter was still to be seen appears a moment later, and is taken along the next time.
    await t.notThrowsAsync(until('they are behind', () => giveLowestPriority(pid) && isAll(pid, LOWEST)));
    await t.notThrowsAsync(until('they are back', () => giveOwnPriority(pid) && isAll(pid, own)));
  }
});

test.serial('an endless loop that nobody waits for any more is ended', async (t) => {
  const { plugins, client, pid } = await busy(t, 1_000);
  const controller = new AbortController();
  const request = new Request('busy://loops/x', { signal: controller.signal });
  const aborted = t.throwsAsync(client.download(request));
  setTimeout(() => controller.abort(), 300);
  t.like(await aborted, { code: 'INTERRUPTED' });
  // Behind everybody, a busy machine has little time for it to spend.
  await until('it is ended', () => !plugins.pids.includes(pid), 110_000);
  t.regex(String(plugins.describe('busy')?.lastError), /was busy for \d+ s with nothing to do/);
  t.is(await textOf(client, 'busy://h/x'), 'hello from busy');
});
