/**
 * Reads over nginx on loopback, side by side in one run: bare transfers, our mount, and `rclone mount` where
 * it is installed. Prints medians, ratios and targets. Run: npm run bench -- --help
 */
import { writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import process from 'node:process';

import { messageOf } from '../src/error-code.js';
import { D7yMount } from './d7y-mount.js';
import { Fixtures } from './fixtures.js';
import { type BenchOptions, parseOptions } from './options.js';
import { NginxOrigin } from './origin.js';
import { Programs } from './programs.js';
import { Rclone } from './rclone.js';
import { header, lines, toJson } from './report.js';
import type { Result } from './result.js';
import { ROWS } from './rows/index.js';
import { runRow } from './run-row.js';
import { Scratch } from './scratch.js';
import type { Setup } from './setup.js';
import { Teardown } from './teardown.js';

const EXIT_INTERRUPTED = 130;

async function setUp(options: BenchOptions, programs: Programs, teardown: Teardown): Promise<Setup> {
  const scratch = await Scratch.make(options.directory, programs, teardown);
  const origin = await NginxOrigin.start(scratch.root, programs, teardown);
  const fixtures = new Fixtures(origin.root, options.largeBytes, scratch);
  const ours = new D7yMount(scratch, options.program);
  return { scratch, origin, fixtures, ours, peers: await Rclone.find(scratch) };
}

async function measure(options: BenchOptions, setup: Setup, results: Result[]): Promise<void> {
  const rows = ROWS.filter(({ name }) => options.rows.length === 0 || options.rows.includes(name));
  if (setup.peers.length === 0) progress('there is no rclone: nothing stands in the column of the peer');
  for (const row of rows) results.push(await runRow(row, setup, options.rounds, progress));
}

function report(options: BenchOptions, results: readonly Result[]): string {
  const about = {
    rounds: options.rounds,
    largeBytes: options.largeBytes,
    node: process.version,
    kernel: release(),
    cpu: cpus().map(({ model }) => model),
  };
  console.log([header(), ...results.flatMap(lines)].join('\n'));
  return toJson(results, about);
}

function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

const options = parseOptions(
  process.argv.slice(2),
  ROWS.map(({ name }) => name),
);
const [programs, teardown] = [new Programs(), new Teardown()];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    progress(`${signal}: cleaning up`);
    process.exitCode = EXIT_INTERRUPTED;
    // What is being measured rejects, and the end below is reached.
    programs.endAll();
  });
}
const results: Result[] = [];
try {
  await measure(options, await setUp(options, programs, teardown), results);
} catch (error) {
  progress(messageOf(error));
  process.exitCode ??= 1;
} finally {
  await teardown.run();
  const json = report(options, results);
  if (options.json !== undefined) await writeFile(options.json, json);
}
process.exit();
