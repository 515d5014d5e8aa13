import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import {
  type ProcessIdentity,
  servingProcess,
  supervisorOf,
  whenProcessEnded,
} from '../../bin/serving-process.js';
import { findMount, type Mount } from '../../src/mount/mount-table.js';
import { CLI, run } from './run.js';
import { temporaryDirectory } from './temp.js';
import { until } from './until.js';

/** SIGUSR2 is a fault of the program. */
const FAULT = `data:text/javascript,process.on('SIGUSR2',()=>{throw(Error('a%20fault'))})`;

export interface SupervisedMount {
  readonly mountpoint: string;
  readonly mount: Mount;
  readonly log: string;
  readonly supervisor: ProcessIdentity;
  /** The process that serves it; waits for it. */
  readonly server: () => Promise<ProcessIdentity>;
  /** Ends that process by a signal, and waits for the next one; resolves to the milliseconds that this took. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<number>;
}

/** A mount in the background that outlives the process that serves it. */
export async function supervisedMount(t: ExecutionContext, ...options: string[]): Promise<SupervisedMount> {
  const directory = await temporaryDirectory(t);
  const [mountpoint, log] = [join(directory, 'mnt'), join(directory, 'log')];
  const own = ['--log-file', log, '--cache-dir', join(directory, 'cache'), mountpoint];
  const args = [
    'D7Y_MOUNT_SUPERVISE=true',
    `NODE_OPTIONS=--import=${FAULT}`,
    process.execPath,
    CLI,
    ...own,
    ...options,
  ];
  const { code, stderr } = await run('env', args);
  if (code !== 0) throw new Error(`the mount failed: ${stderr}`);
  t.teardown(async () => {
    await run(process.execPath, [CLI, 'unmount', mountpoint]);
    if (!(await whenProcessEnded(supervisor, 30_000))) throw new Error('the supervisor goes on');
  });
  const mount = await findMount(mountpoint);
  if (mount === undefined) throw new Error('nothing is mounted');
  const untilLogged: typeof until = async (what, isSo) => {
    await until(what, isSo).catch(async (error: unknown) => {
      throw new Error(`${what}; the log ends with ${(await readFile(log, 'utf8')).slice(-2_000)}`, {
        cause: error,
      });
    });
  };
  await untilLogged('there is a supervisor', async () => (await supervisorOf(mount)) !== undefined);
  const supervisor = (await supervisorOf(mount)) ?? { pid: 0, startTicks: '' };
  const server = async (): Promise<ProcessIdentity> => {
    await untilLogged('it is served', async () => (await servingProcess(mount)) !== undefined);
    return (await servingProcess(mount)) ?? { pid: 0, startTicks: '' };
  };
  return {
    mountpoint,
    mount,
    log,
    supervisor,
    server,
    kill: async (signal = 'SIGKILL') => {
      const { pid } = await server();
      const beganMs = performance.now();
      process.kill(pid, signal);
      await untilLogged('another process serves it', async () => {
        const next = await servingProcess(mount);
        return next !== undefined && next.pid !== pid;
      });
      return performance.now() - beganMs;
    },
  };
}

/** `big`, and small files, of random bytes. */
export async function randomFiles(t: ExecutionContext, bigBytes: number): Promise<string> {
  const files = join(await temporaryDirectory(t), 'files');
  await mkdir(files);
  await writeFile(join(files, 'big'), randomBytes(bigBytes));
  for (let i = 0; i < 20; i += 1) await writeFile(join(files, `small-${i}`), randomBytes(1 + i * 3_000));
  return files;
}
