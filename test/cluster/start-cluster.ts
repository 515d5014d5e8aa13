import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { temporaryDirectory } from '../support/temp.js';
import { type Dfdaemon, type DfdaemonOptions, startDfdaemon } from './dfdaemon.js';
import { type Scheduler, startScheduler } from './scheduler.js';

export interface Cluster {
  readonly scheduler: Scheduler;
  readonly a: Dfdaemon;
  readonly b: Dfdaemon;
}

/** One scheduler and two nodes, with empty disks. */
export async function startCluster(
  t: ExecutionContext,
  options: Partial<DfdaemonOptions> = {},
): Promise<Cluster> {
  const directory = await temporaryDirectory(t);
  const scheduler = await startScheduler(t, join(directory, 'scheduler'));
  const start = (name: string): Promise<Dfdaemon> =>
    startDfdaemon(t, { name, scheduler: scheduler.address, directory: join(directory, name), ...options });
  const [a, b] = await Promise.all([start('a'), start('b')]);
  return { scheduler, a, b };
}
