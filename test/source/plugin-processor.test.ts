import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';

import test from 'ava';

import { Request } from '../../src/source/index.js';
import { addModule, clientOf, pluginDirectory, pluginSet, textOf } from '../support/plugins.js';
import { until } from '../support/until.js';

/** The nice values of the threads of a process. */
function niceValues(pid: number): number[] {
  const values = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
  return [...new Set(values)];
}

test("a plugin's process has a fixed nice value, above the mount's", async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'nice');
  const plugins = pluginSet(t, directory);
  await clientOf(plugins, 'nice');
  t.deepEqual(niceValues(plugins.pids[0] ?? 0), [Math.min(19, getPriority() + 5)]);
});

test.serial('an endless loop that no call waits for is ended', async (t) => {
  const directory = await pluginDirectory(t);
  await addModule(directory, 'busy', {
    client: `download: async ({ url }) => {
      if (url.hostname === 'loops') for (;;);
      return data;
    },`,
  });
  const plugins = pluginSet(t, directory, { callLimitMs: 1_000 });
  const client = await clientOf(plugins, 'busy');
  const [pid = 0] = plugins.pids;
  const controller = new AbortController();
  const request = new Request('busy://loops/x', { signal: controller.signal });
  const aborted = t.throwsAsync(client.download(request));
  setTimeout(() => controller.abort(), 300);
  t.like(await aborted, { code: 'INTERRUPTED' });
  await until('it is ended', () => !plugins.pids.includes(pid), 110_000);
  t.regex(String(plugins.describe('busy')?.lastError), /was busy for \d+ s with nothing to do/);
  t.is(await textOf(client, 'busy://h/x'), 'hello from busy');
});
