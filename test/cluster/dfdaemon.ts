import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort } from '../support/port.js';
import { DFDAEMON } from './binaries.js';
import { type ClusterProcess, startProcess, untilReady } from './process.js';

export interface DfdaemonOptions {
  /** Of the host: nodes with the same name never exchange anything. */
  readonly name: string;
  readonly scheduler: string;
  readonly directory: string;
  /** Default: 10 s, and not dfdaemon's 360. */
  readonly collectedPieceTimeout?: string;
  /** Default: below `directory`. */
  readonly storage?: string;
  /** Of the proxy, per second. */
  readonly requestRateLimit?: number;
}

/** Bytes of pieces, by where they came from. */
export interface DfdaemonTraffic {
  readonly source: number;
  readonly peers: number;
  readonly uploaded: number;
}

export interface Dfdaemon {
  /** The address of the proxy. */
  readonly origin: string;
  readonly directory: string;
  readonly metrics: () => Promise<string>;
  traffic(): Promise<DfdaemonTraffic>;
  /** All that it logged. */
  log(): Promise<string>;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

/** One node: it is ready, and the scheduler knows it. */
export async function startDfdaemon(t: ExecutionContext, options: DfdaemonOptions): Promise<Dfdaemon> {
  const { directory, scheduler } = options;
  await mkdir(directory, { recursive: true });
  const ports: number[] = [];
  while (ports.length < 7) ports.push(await freePort());
  const [proxy = 0, metricsPort = 0, health = 0] = ports;
  const [config, dynconfig] = [join(directory, 'dfdaemon.yaml'), join(directory, 'dynconfig.yaml')];
  await writeFile(config, JSON.stringify(configuration(options, ports)));
  await writeFile(dynconfig, JSON.stringify({ scheduler: { addrs: [scheduler] } }));
  const output = join(directory, 'output');
  let process: ClusterProcess | undefined;

  const dfdaemon: Dfdaemon = {
    origin: `http://127.0.0.1:${proxy}`,
    directory,
    metrics: async () => await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
    traffic: async () => trafficOf(await dfdaemon.metrics()),
    log: async () => {
      const names = await readdir(join(directory, 'log'));
      const parts = names.map((name) => readFile(join(directory, 'log', name), 'utf8'));
      return (await Promise.all([...parts, readFile(output, 'utf8')])).join('\n');
    },
    kill: async () => {
      await process?.kill();
    },
    start: async () => {
      process = startProcess(t, output, [
        DFDAEMON,
        `--config=${config}`,
        `--dynconfig=${dynconfig}`,
        `--log-dir=${join(directory, 'log')}`,
        '--console',
      ]);
      await untilReady(options.name, process, output, async () => {
        const answer = await fetch(`http://127.0.0.1:${health}/healthy`).catch(() => undefined);
        return answer?.ok ?? false;
      });
    },
  };
  await dfdaemon.start();
  return dfdaemon;
}

function configuration(options: DfdaemonOptions, ports: readonly number[]): object {
  const { name, directory, storage = join(directory, 'storage') } = options;
  const { collectedPieceTimeout = '10s', requestRateLimit } = options;
  const [proxy, metrics, health, stats, upload, tcpPort, quicPort] = ports;
  const ip = '127.0.0.1';
  return {
    host: { ip, hostname: name },
    server: { pluginDir: join(directory, 'plugins'), cacheDir: join(directory, 'cache') },
    download: { server: { socketPath: join(directory, 'dfdaemon.sock') }, collectedPieceTimeout },
    upload: { server: { ip, port: upload } },
    scheduler: { announceInterval: '1s' },
    dynconfig: { refreshInterval: '1s' },
    storage: { dir: storage, server: { ip, tcpPort, quicPort } },
    proxy: {
      server: { ip, port: proxy, ...(requestRateLimit === undefined ? {} : { requestRateLimit }) },
      prefetch: false,
    },
    metrics: { server: { ip, port: metrics } },
    health: { server: { ip, port: health } },
    stats: { server: { ip, port: stats } },
  };
}

function trafficOf(metrics: string): DfdaemonTraffic {
  const sum = (name: string, label: string): number =>
    metrics
      .split('\n')
      .filter((line) => line.startsWith(name) && line.includes(label))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
  return {
    source: sum('dragonfly_client_download_traffic', 'BACK_TO_SOURCE'),
    peers: sum('dragonfly_client_download_traffic', 'REMOTE_PEER'),
    uploaded: sum('dragonfly_client_upload_traffic', ''),
  };
}
