import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort } from '../support/port.js';
import { SCHEDULER } from './binaries.js';
import { type ClusterProcess, startProcess, untilReady } from './process.js';

export interface Scheduler {
  readonly address: string;
  readonly metrics: () => Promise<string>;
  readonly kill: () => Promise<void>;
}

/** A scheduler without a manager, and so without a database. */
export async function startScheduler(t: ExecutionContext, directory: string): Promise<Scheduler> {
  await mkdir(directory, { recursive: true });
  const [port, metricsPort] = [await freePort(), await freePort()];
  const config = join(directory, 'scheduler.yaml');
  await writeFile(
    config,
    // JSON is YAML.
    JSON.stringify({
      server: {
        advertiseIP: '127.0.0.1',
        listenIP: '127.0.0.1',
        port,
        logDir: join(directory, 'log'),
        pluginDir: join(directory, 'plugins'),
      },
      scheduler: { retryInterval: '200ms' },
      job: { enable: false },
      metrics: { enable: true, addr: `127.0.0.1:${metricsPort}` },
    }),
  );
  const output = join(directory, 'output');
  const dynconfig = join(directory, 'dynconfig.yaml');
  const process: ClusterProcess = startProcess(t, output, [
    SCHEDULER,
    `--config=${config}`,
    `--dynconfig=${dynconfig}`,
    '--console',
  ]);
  const metrics = async (): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  await untilReady('the scheduler', process, output, async () => {
    return await metrics().then(
      () => true,
      () => false,
    );
  });
  return { address: `127.0.0.1:${port}`, metrics, kill: process.kill };
}
