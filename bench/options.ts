import { tmpdir } from 'node:os';

import { Argument, Command, InvalidArgumentError } from 'commander';

import { formatSize, parseCount, parseSize, QuantityError } from '../bin/quantity.js';

export interface BenchOptions {
  /** Names; empty: all. */
  readonly rows: readonly string[];
  readonly rounds: number;
  readonly largeBytes: number;
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
    .option('--rounds <count>', 'figures are medians of so many', taking(parseCount), DEFAULTS.rounds)
    .option(
      `--large-bytes <size>`,
      `size of the large file, whole MiB (default: ${formatSize(DEFAULTS.largeBytes)})`,
      taking(parseSize),
    )
    .option('--json <file>', 'where to write all figures')
    .option('--directory <path>', 'where temporary files go', DEFAULTS.directory)
    .parse(argv, { from: 'user' });
  const given = program.opts<{ rounds: number; largeBytes?: number; json?: string; directory: string }>();
  const { rounds, largeBytes = DEFAULTS.largeBytes, json, directory } = given;
  if (rounds < 1) program.error('error: --rounds is at least 1');
  if (largeBytes < MIB || largeBytes % MIB !== 0) program.error('error: --large-bytes is whole MiB');
  return { rows: program.args, rounds, largeBytes, json, directory };
}

function taking(parse: (text: string) => number): (text: string) => number {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof QuantityError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}
