/**
 * Reads over servers on loopback, side by side in one run: bare transfers, d7y-mount, and `rclone mount`, `sshfs`
 * and davfs2 where they are installed. Prints medians, ratios and targets. Run: npm run bench -- --help
 */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { Argument, Command } from 'commander';

import { argumentParser } from '../bin/config/command-options.js';
import { count, size } from '../bin/config/option-kinds.js';
import { messageOf } from '../src/error-code.js';
import { filesOf } from './files.js';
import { boundMounts, d7yMount, removeUnmounted } from './mounts.js';
import { startOrigins } from './origins.js';
import { peerMounts, rcloneMounts } from './peers.js';
import { atEnd, cleanUp, interrupt, isInterrupted } from './programs.js';
import { table, toJson } from './report.js';
import type { Bench, Options, Row } from './row.js';
import { readRows } from './rows/reads.js';
import { transferRows } from './rows/transfers.js';
import { transport } from './rows/transport.js';
import { wholeRows } from './rows/whole.js';
import { type Result, runRow } from './run-row.js';
import { MIB } from './usage.js';

const ROWS: readonly Row[] = [...transferRows, ...readRows, ...wholeRows, transport];

const command = new Command('npm run bench --')
  .description('Reads over servers on loopback: bare, through d7y-mount, and through rclone mount')
  .addArgument(new Argument('[rows...]', 'default: all').choices(ROWS.map(({ name }) => name)))
  .option('--rounds <count>', 'figures are medians of so many', argumentParser(count), 3)
  .option('--large-bytes <size>', 'size of the large file, whole MiB', argumentParser(size), 2048 * MIB)
  .option('--objects <count>', 'of the large bucket', argumentParser(count), 1_000_000)
  .option('--program <path>', 'another build of d7y-mount')
  .option('--json <file>', 'where to write all figures')
  .option('--directory <path>', 'where temporary files go', tmpdir())
  .parse();

async function setUp(options: Options): Promise<Bench> {
  const directory = await mkdtemp(join(options.directory, 'd7y-bench-'));
  atEnd(() => removeUnmounted(directory));
  const root = join(directory, 'root');
  await mkdir(root);
  const started = await startOrigins(directory, root, options.objects);
  const [rclone, peers] = [await rcloneMounts(), await peerMounts()];
  const bound = await boundMounts(directory, root);
  if (rclone.length === 0) process.stderr.write('bench: rclone is not installed, and not measured\n');
  if (bound(1).length === 0) process.stderr.write('bench: there is no C compiler, and no C server\n');
  const ours = d7yMount('d7y-mount', options.program);
  return {
    options,
    directory,
    files: filesOf(root, options.largeBytes),
    ...started,
    ours,
    rclone,
    peers,
    bound,
  };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    process.exitCode = 130;
    // What is being measured rejects, and the end below is reached.
    interrupt();
  });
}
const options = command.opts<Options>();
const results: Result[] = [];
try {
  const bench = await setUp(options);
  for (const row of ROWS) {
    const isChosen = command.args.length === 0 || command.args.includes(row.name);
    if (isChosen && !isInterrupted()) results.push(await runRow(row, bench));
  }
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode ??= 1;
} finally {
  await cleanUp();
  console.log(table(results));
  const about = { ...options, node: process.version, kernel: release(), cpu: cpus()[0]?.model };
  if (options.json !== undefined) await writeFile(options.json, toJson(results, about));
}
process.exit();
