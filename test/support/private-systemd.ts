import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { ExecutionContext } from 'ava';

import { isRoot } from './conditional-test.js';
import { type Finished, run } from './run.js';
import { until } from './until.js';

const SCRIPT = fileURLToPath(new URL('../../../test/support/private-systemd.sh', import.meta.url));

export const hasSystemd = isRoot && existsSync('/lib/systemd/systemd') && !isMissing('nsenter');

function isMissing(program: string): boolean {
  return spawnSync(program, ['--version']).error !== undefined;
}

export interface PrivateSystemd {
  /** What makes a command run where systemd does. */
  readonly prefix: readonly string[];
  readonly run: (...command: string[]) => Promise<Finished>;
}

/** A systemd of its own with these units, which can write to `directory` only; killed, with all it started, when the test ends. */
export async function startPrivateSystemd(
  t: ExecutionContext,
  directory: string,
  units: Readonly<Record<string, string>>,
): Promise<PrivateSystemd> {
  await mkdir(join(directory, 'units'));
  for (const [name, text] of Object.entries({ 'test.target': '[Unit]\n', ...units }))
    await writeFile(join(directory, 'units', name), text);
  const args = [
    '--mount',
    '--pid',
    '--cgroup',
    '--ipc',
    '--uts',
    '--fork',
    '--mount-proc',
    'sh',
    SCRIPT,
    directory,
  ];
  const child = spawn('unshare', args, {
    stdio: ['ignore', process.env['D7Y_TEST_DEBUG'] === undefined ? 'ignore' : 'inherit', 'inherit'],
  });
  const { pid: parent = 0 } = child;
  // The first process of the namespace: what is in it ends with it.
  const first = async (): Promise<string> =>
    (await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => '')).trim();
  t.teardown(async () => {
    const pid = Number(await first());
    if (pid > 1) process.kill(pid, 'SIGKILL');
  });
  await until('the namespace is there', async () => (await first()) !== '');
  const prefix = ['nsenter', '-t', await first(), '-m', '-p', '-C', '-i'];
  const inside = (...command: string[]): Promise<Finished> =>
    run(prefix[0] ?? '', [...prefix.slice(1), ...command]);
  await until(
    'systemd is there',
    async () => (await inside('systemctl', 'is-system-running')).stdout.trim() === 'running',
  );
  return { prefix, run: inside };
}
