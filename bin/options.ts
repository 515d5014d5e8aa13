import { type Command, Option } from 'commander';

import { safeLines } from '../src/source/safe-text.js';
import { collectCidr, collectHeader, collectPluginOption } from './option-parsers.js';
import type { HeaderOption } from './origin-headers.js';
import type { PluginOptions } from './plugin-options.js';
import {
  formatDuration,
  formatSize,
  parseCount,
  parseDuration,
  parseMode,
  parseSize,
  quantityError,
} from './quantity.js';

/** The options of a mount. */
export interface MountOptions extends PluginOptions {
  readonly transport: 'auto' | 'dev-fuse' | 'fuse-native';
  readonly passthrough: boolean;
  readonly foreground: boolean;
  readonly allowOther: boolean;
  /** Whether programs on the mount can be executed. */
  readonly exec: boolean;
  /** Undefined: of the user who mounts. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly umask: number;
  readonly memory: number;
  /** Undefined: below the user's cache directory. */
  readonly cacheDir: string | undefined;
  /** 0: nothing is kept on disk. */
  readonly cacheSize: number;
  readonly metadataTtl: number;
  readonly negativeTtl: number;
  readonly staleIfError: number;
  readonly offline: boolean;
  readonly timeout: number;
  readonly retries: number;
  readonly logFile: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly header: readonly HeaderOption[];
  /** CIDRs. */
  readonly allowAddress: readonly string[];
}

/** What is to be mounted where. */
export interface MountRequest {
  readonly path: string;
  /** What the mount table shows as the source. */
  readonly source: string;
  readonly options: MountOptions;
}

const MIN_MEMORY_BYTES = 8 * 2 ** 20;

/** The options of the mount command, with their defaults as `--help` shows them. */
export function addMountOptions(command: Command): Command {
  return addPluginOptions(addOwnOptions(command))
    .optionsGroup('Logging:')
    .option('--log-file <path>', 'where to log (default: stderr, or in the background a file)')
    .addOption(
      new Option('--log-level <level>', 'least severity that is logged')
        .choices(['fatal', 'error', 'warn', 'info', 'debug', 'trace'])
        .default('info'),
    )
    .configureOutput({ outputError: (text, write) => write(safeLines(withoutSecrets(text))) });
}

/** A usage error, without the values that may be secrets, and without a `?`, which `safeLines` takes for a query. */
export function withoutSecrets(text: string): string {
  return text
    .replace(
      /(option '(?:--header|--plugin-option|-o)\b[^']*') argument '[\s\S]*' is invalid/,
      '$1 argument is invalid',
    )
    .replace(/(unknown option '[^'=]*)=[\s\S]*'/, "$1=…'")
    .replace(/\n\(Did you mean (?:one of )?([^?]*)\?\)/, '; similar: $1');
}

function addOwnOptions(command: Command): Command {
  return command
    .optionsGroup('Mount:')
    .option('-f, --foreground', 'stay in the foreground', false)
    .addOption(
      new Option('--transport <name>', 'how to speak to the kernel')
        .choices(['auto', 'dev-fuse', 'fuse-native'])
        .default('auto'),
    )
    .option('--no-passthrough', 'never let the kernel read complete local copies by itself')
    .option('--allow-other', 'let other users in', false)
    .option('--no-exec', 'mount noexec: the loader runs no program on the mount either')
    .option('--uid <id>', 'owner of all files (default: who mounts)', parseCount)
    .option('--gid <id>', 'group of all files (default: who mounts)', parseCount)
    .addOption(
      new Option('--umask <mode>', 'permission bits that are cleared').argParser(parseMode).default(0, '0'),
    )
    .option(
      '-o <options>',
      'options as mount(8) passes them: a,b=c',
      (text, all: string[]) => [...all, text],
      [],
    )
    .optionsGroup('Cache:')
    .addOption(size('--memory <size>', 'memory for content', 256 * 1024 * 1024, parseMemory))
    .option(
      '--cache-dir <path>',
      "where blocks are kept from one run to the next (default: d7y-mount in the user's cache directory)",
    )
    .addOption(
      size(
        '--cache-size <size>',
        'limit of the cache directory, which leaves 1 GiB (or 5 %) of the disk free; 0: off',
        10 * 1024 ** 3,
      ),
    )
    .addOption(duration('--metadata-ttl <duration>', 'how long attributes and listings are fresh', 60_000))
    .addOption(
      duration('--negative-ttl <duration>', 'how long a missing name stays missing without a query', 5_000),
    )
    .addOption(
      duration(
        '--stale-if-error <duration>',
        'how long cached data is served while its source fails',
        24 * 3_600_000,
      ),
    )
    .option('--offline', 'query no source: only what is cached can be read', false)
    .optionsGroup('Sources:')
    .addOption(duration('--timeout <duration>', 'limit for a response to begin, retries included', 30_000))
    .option('--retries <count>', 'how often a request is repeated after a temporary failure', parseCount, 3)
    .option(
      '--header <header>',
      "'https://host[:port]: Name: value', sent to that origin alone (without a scheme: https); repeatable",
      collectHeader,
      [],
    )
    .option(
      '--allow-address <cidr>',
      'connect to these addresses too: link-local, and with --allow-other loopback and private ones; repeatable',
      collectCidr,
      [],
    );
}

function addPluginOptions(command: Command): Command {
  const append = (text: string, before: readonly string[]): string[] => [...before, text];
  return command
    .optionsGroup('Plugins:')
    .option('--plugin-dir <path>', 'where plugins are, instead of the default; repeatable', append, [])
    .option(
      '--plugin-option <option>',
      'NAME.KEY=VALUE, an option of that plugin; repeatable',
      collectPluginOption,
      [],
    )
    .option('--plugin-override <scheme>', 'let a plugin serve this built-in scheme; repeatable', append, [])
    .addOption(
      size(
        '--plugin-memory <size>',
        "limit of a plugin's process, which is killed above it",
        512 * 1024 * 1024,
      ),
    );
}

function size(flags: string, description: string, bytes: number, parse = parseSize): Option {
  return new Option(flags, description).argParser(parse).default(bytes, formatSize(bytes));
}

function duration(flags: string, description: string, value: number): Option {
  return new Option(flags, description).argParser(parseDuration).default(value, formatDuration(value));
}

/** Less does not hold what one read of the kernel and its readahead need. */
function parseMemory(text: string): number {
  const bytes = parseSize(text);
  if (bytes < MIN_MEMORY_BYTES) throw quantityError(`at least ${formatSize(MIN_MEMORY_BYTES)}`, text);
  return bytes;
}
