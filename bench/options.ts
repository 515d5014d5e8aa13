import { tmpdir } from 'node:os';

import { Argument, Command } from 'commander';

import { argumentParser } from '../bin/config/command-options.js';
import { count, size } from '../bin/config/option-kinds.js';
import { formatSize } from '../src/quantity.js';

export interface BenchOptions {
  /** Names; empty: all. */
  readonly rows: readonly string[];
  readonly rounds: number;
  readonly largeBytes: number;
  readonly program: string | undefined;
  readonly json: string | undefined;
  readonly directory: string;
}

const MIB = 1024 * 1024;
const DEFAULTS = { rounds: 5, largeBytes: 2048 * MIB, directory: tmpdir() };

/** Ends the process with a message if the arguments cannot be understood. */
export function parseOptions(argv: readonly string[], rows: readonly string[]): BenchOptions {
  const program = new Command('npm run bench --')
    .description(
      'Reads over nginx on loopback: bare transfers, d7y-mount, and rclone mount where it is installed',
    )
    .addArgument(new Argument('[rows...]', 'what is measured (default: all)').choices(rows))
    .option('--rounds <count>', 'figures are medians of so many', argumentParser(count), DEFAULTS.rounds)
    .option(
      '--large-bytes <size>',
      `size of the large file, whole MiB (default: ${formatSize(DEFAULTS.largeBytes)})`,
      argumentParser(size),
    )
    .option('--program <path>', 'another build of d7y-mount')
    .option('--json <file>', 'where to write all figures')
    .option('--directory <path>', 'where temporary files go', DEFAULTS.directory)
    .parse(argv, { from: 'user' });
  const given = program.opts<Omit<BenchOptions, 'rows' | 'largeBytes'> & { largeBytes?: number }>();
  const { rounds, largeBytes = DEFAULTS.largeBytes } = given;
  if (rounds < 1) program.error('error: --rounds is at least 1');
  if (largeBytes < MIB || largeBytes % MIB !== 0) program.error('error: --large-bytes is whole MiB');
  return { ...given, rows: program.args, largeBytes };
}
