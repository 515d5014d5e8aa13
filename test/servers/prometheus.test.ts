/** A real Prometheus scrapes a real mount, with P2P, a plugin and a warm-up job: the queries of the dashboard have data there. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import type { ExecutionContext } from 'ava';

import { serveFile } from '../p2p/support.js';
import { ALERTS, alerts, dashboardQueries } from '../monitoring/queries.js';
import { testWhere } from '../support/conditional-test.js';
import { startFakeDfdaemon } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { startFaultServer } from '../support/fault-server.js';
import { CLI, mounted, run } from '../support/mounted.js';
import { addExample, pluginDirectory } from '../support/plugins.js';
import { freePort } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const withPrometheus = testWhere(spawnSync('prometheus', ['--version']).status === 0, 'prometheus');

type Query = (expr: string) => Promise<readonly { readonly value: readonly [number, string] }[]>;

interface Answer<Data> {
  readonly status: string;
  readonly error?: string;
  readonly data: Data;
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string }[];
  }[];
}

async function startPrometheus(
  t: ExecutionContext,
  target: string,
): Promise<{ origin: string; query: Query }> {
  const directory = await temporaryDirectory(t);
  const origin = `127.0.0.1:${await freePort()}`;
  const configuration = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '1s' },
    rule_files: [ALERTS],
    scrape_configs: [{ job_name: 'd7y-mount', static_configs: [{ targets: [target] }] }],
  };
  const path = join(directory, 'prometheus.yml');
  await writeFile(path, JSON.stringify(configuration));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${path}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${origin}`,
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill();
    await ended;
  });
  const query: Query = async (expr) => {
    const response = await fetch(`http://${origin}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { status, error, data } = (await response.json()) as Answer<{
      result: readonly { value: readonly [number, string] }[];
    }>;
    if (status !== 'success') throw new Error(`${expr}: ${error}`);
    return data.result;
  };
  await until('Prometheus is ready', async () =>
    fetch(`http://${origin}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return { origin, query };
}

withPrometheus('Prometheus scrapes a mount, and every query has data', async (t) => {
  const server = await startFaultServer(t, (request, response, count) => {
    // Some tries fail, and so do all of some names.
    const isBad = request.url?.includes('bad') === true || count % 7 === 3;
    response.writeHead(isBad ? 503 : 200, { etag: '"1"', 'content-length': isBad ? 0 : 100_000 });
    response.end(isBad ? '' : Buffer.alloc(100_000));
  });
  const address = `127.0.0.1:${await freePort()}`;
  const plugins = await pluginDirectory(t);
  await addExample(plugins, 'd7y-resource-plugin-d7yfs.mjs');
  const [served, dfdaemon] = [await serveFile(t), await startFakeDfdaemon(t)];
  const config = join(await temporaryDirectory(t), 'config.yaml');
  const text = `p2p: { proxy: '${dfdaemon.origin}' }\nsources: [{ match: { scheme: http }, p2p: true }]\n`;
  await writeFile(config, text, { mode: 0o600 });
  const own = ['--config', config, '--plugin-dir', plugins, '--metrics-listen', address, '--retries', '1'];
  const mountpoint = await mounted(t, ...own);
  const pathOf = (origin: string, name: string): string => join(mountpoint, origin.replace('://', '/'), name);
  let reads = 0;
  const use = async (): Promise<void> => {
    reads += 1;
    const names = [`${reads}.bin`, `bad${reads}.bin`].map((name) => pathOf(server.origin, name));
    await run('cat', [...names, pathOf(served.nginx.origin, `a.bin?${reads}`)]);
  };
  t.is((await run('cat', [join(mountpoint, 'd7yfs/host:56001/path')])).stdout, 'hello world');
  const job = await run(process.execPath, [CLI, 'warm', '--mountpoint', mountpoint, served.url]);
  t.is(job.code, 0, job.stderr);
  // Metrics that only come into being later have no rate.
  for (let i = 0; i < 4; i += 1) await use();
  const { origin, query } = await startPrometheus(t, address);
  await until('there are samples', async () => {
    await use();
    const [samples] = await query('count_over_time(nodejs_eventloop_lag_seconds{quantile="1"}[1m])');
    return Number(samples?.value[1]) >= 4;
  });
  const queries = await dashboardQueries('d7y-mount', '30s');
  const empty = new Set<string>();
  for (const { title, expr } of queries) {
    const result = await query(expr);
    if (result.length === 0) empty.add(title);
  }
  // No source was gone for long.
  t.deepEqual([...empty], ['Served stale, by reason']);
  const [reading] = await query('sum(rate(d7y_mount_read_bytes_total[30s]))');
  t.true(Number(reading?.value[1]) > 0);
  const response = await fetch(`http://${origin}/api/v1/rules`);
  const { data } = (await response.json()) as Answer<Rules>;
  const rules = data.groups.flatMap((group) => group.rules);
  t.deepEqual(
    rules.map(({ name }) => name).toSorted(),
    (await alerts()).map(({ alert }) => alert).toSorted(),
  );
  await until('the rules are evaluated', async () => {
    const again = (await (await fetch(`http://${origin}/api/v1/rules`)).json()) as Answer<Rules>;
    return again.data.groups.every((group) => group.rules.every(({ health }) => health === 'ok'));
  });
});
