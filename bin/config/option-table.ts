/**
 * The one table of options: the command line, the environment, the configuration file and docs/OPTIONS.md are made of it.
 * A row has the name of the option in the file; its long option is the same with `-` (`cacheSize`, `--cache-size`), and its
 * variable `D7Y_MOUNT_CACHE_SIZE`.
 */
import * as kinds from './option-kinds.js';
import type { OptionKind } from './option-kinds.js';
import type { MountOptions } from './options.js';

export type OptionName = keyof MountOptions;

export const OPTION_GROUPS = ['Mount', 'Cache', 'Sources', 'Plugins', 'Operating', 'Logging'] as const;

export interface OptionRow<Value> {
  readonly group: (typeof OPTION_GROUPS)[number];
  readonly kind: OptionKind<Value>;
  readonly default: Value;
  /** For `--help`. */
  readonly help: string;
  /** For docs/OPTIONS.md, where it says more. */
  readonly meaning?: string;
  /** For docs/OPTIONS.md, where the default is no value. */
  readonly defaultText?: string;
  readonly short?: string;
  /** Belongs to one start: it has no place in a file. */
  readonly isOfStart?: boolean;
  /** A reload changes it while the mount stands. */
  readonly isLive?: boolean;
  /** In a file it is this key of this section, and not the name. */
  readonly inFile?: readonly [section: string, key: string];
}

type OptionTable = { readonly [Name in OptionName]: OptionRow<MountOptions[Name]> };

const MIB = 2 ** 20;

export const OPTION_TABLE: OptionTable = {
  foreground: {
    group: 'Mount',
    kind: kinds.flag,
    default: false,
    short: '-f',
    help: 'stay in the foreground',
    meaning: 'stay in the foreground, log to stderr',
    isOfStart: true,
  },
  supervise: {
    group: 'Mount',
    kind: kinds.flag,
    default: true,
    help: 'in the background: start no supervisor, which keeps the mount over a crash',
    meaning:
      'in the background, start no supervisor: a mount then ends with the process that serves it ([OPERATING.md](OPERATING.md#crash-and-restart))',
  },
  config: {
    group: 'Mount',
    kind: { ...kinds.path, placeholder: 'file' },
    default: undefined,
    help: 'the configuration file, instead of the default ones',
    meaning: 'the configuration file ([CONFIGURATION.md](CONFIGURATION.md)), instead of the default ones',
    defaultText: '`/etc/d7y-mount/config.yaml`, then `~/.config/d7y-mount/config.yaml`',
    isOfStart: true,
  },
  root: {
    group: 'Mount',
    kind: kinds.roots,
    default: [],
    help: 'show this URL, and nothing else, at the mountpoint; or NAME=URL as a directory of it, repeatable',
    meaning:
      'show this URL at the mountpoint, and let programs reach nothing else; with `NAME=URL`, which is repeatable, as a directory of that name ([A mount with a root](SEMANTICS.md#a-mount-with-a-root))',
    defaultText: 'all schemes and hosts',
  },
  transport: {
    group: 'Mount',
    kind: kinds.choice('name', 'auto', 'dev-fuse', 'fuse-native'),
    default: 'auto',
    help: 'how to speak to the kernel',
    meaning: "how to speak to the kernel: FUSE's own protocol on `/dev/fuse`, or libfuse 2",
  },
  passthrough: {
    group: 'Mount',
    kind: kinds.flag,
    default: true,
    help: 'never let the kernel read complete local copies by itself',
  },
  allowOther: {
    group: 'Mount',
    kind: kinds.flag,
    default: false,
    help: 'let other users in',
    meaning: 'let other users in ([what that means](SECURITY.md#what---allow-other-means))',
  },
  exec: {
    group: 'Mount',
    kind: kinds.flag,
    default: true,
    help: 'mount noexec: no program on the mount runs',
    meaning:
      'mount `noexec`: neither the kernel nor the loader (`ld.so`) runs a program on the mount; without it, files run that [their source shows as executable](SEMANTICS.md#attributes)',
  },
  uid: {
    group: 'Mount',
    kind: kinds.id,
    default: undefined,
    help: 'owner of all files (default: who mounts)',
    meaning: 'owner of all files',
    defaultText: 'who mounts',
  },
  gid: {
    group: 'Mount',
    kind: kinds.id,
    default: undefined,
    help: 'group of all files (default: who mounts)',
    meaning: 'group of all files',
    defaultText: 'who mounts',
  },
  umask: {
    group: 'Mount',
    kind: kinds.mode,
    default: undefined,
    help: "permission bits that are cleared, instead of the source's read bits",
    meaning:
      'permission bits to take away from 0444 and 0555, [in place of what the source says of reading](SEMANTICS.md#attributes); with `--allow-other` the kernel enforces them, and `stat` is [less exact](SEMANTICS.md#file-or-directory)',
    defaultText: "the source's; with `--allow-other` `0`",
  },
  memory: {
    group: 'Cache',
    // Less does not hold what one read of the kernel and its readahead need.
    kind: kinds.sizeOfAtLeast(8 * MIB),
    default: 256 * MIB,
    help: 'memory for content',
    meaning:
      'memory for content, at least 8 MiB; metadata takes up to a quarter as much in addition ([Memory](SEMANTICS.md#memory))',
    defaultText: '`256MiB`, or what fits into the memory cgroup',
  },
  cacheDir: {
    group: 'Cache',
    kind: kinds.path,
    default: undefined,
    help: "where blocks are kept from one run to the next (default: d7y-mount in the user's cache directory)",
    meaning: 'where blocks are kept from one run to the next',
    defaultText: '`d7y-mount` in `$XDG_CACHE_HOME` or `~/.cache`',
  },
  cacheSize: {
    group: 'Cache',
    kind: kinds.size,
    default: 10 * 1024 ** 3,
    help: 'limit of the cache directory, which leaves 1 GiB (or 5 %) of the disk free; 0: off',
    meaning:
      'limit of the cache directory; 1 GiB of the file system stays free, or 5 % of it if that is less; `0` turns the disk cache off',
  },
  metadataTtl: {
    group: 'Cache',
    kind: kinds.duration,
    default: 60_000,
    help: 'how long attributes and listings are fresh',
    isLive: true,
  },
  negativeTtl: {
    group: 'Cache',
    kind: kinds.duration,
    default: 5_000,
    help: 'how long a missing name stays missing without a query',
    isLive: true,
  },
  staleIfError: {
    group: 'Cache',
    kind: kinds.duration,
    default: 24 * 3_600_000,
    help: 'how long cached data is served while its source fails',
    isLive: true,
  },
  offline: {
    group: 'Cache',
    kind: kinds.flag,
    default: false,
    help: 'query no source: only what is cached can be read',
  },
  timeout: {
    group: 'Sources',
    kind: kinds.duration,
    default: 30_000,
    help: 'limit for a response to begin, retries included',
    meaning:
      'limit for a response to begin, retries included; its body must bring 1 KiB/s, averaged over this time ([Time limits](SEMANTICS.md#time-limits))',
  },
  retries: {
    group: 'Sources',
    kind: kinds.count,
    default: 3,
    help: 'how often a request is repeated after a temporary failure',
  },
  ioThreads: {
    group: 'Sources',
    kind: kinds.maybeCount,
    default: undefined,
    help: 'threads that receive content, and decrypt it; 0: none but the main one',
    meaning:
      'threads that receive content, decrypt and checksum it; they start with the first long response; `0`: the main thread does it all ([Threads](ARCHITECTURE.md#threads))',
    defaultText: 'one less than the processors, at least 1 and at most 4',
  },
  header: {
    group: 'Sources',
    kind: kinds.headers,
    default: [],
    help: "'https://host[:port]: Name: value', sent to that origin alone (without a scheme: https); repeatable",
    meaning:
      "`'https://host[:port]: Name: value'`: a header for that origin alone; without a scheme, https; repeatable; in a file, [rules](CONFIGURATION.md#sources) have `headers`",
    isOfStart: true,
  },
  allowAddress: {
    group: 'Sources',
    kind: kinds.cidrs,
    default: [],
    help: 'connect to these addresses too: link-local, and with --allow-other loopback and private ones; repeatable',
    meaning:
      'connect to these addresses too: link-local and cloud metadata ones, and with `--allow-other` loopback and private ones; repeatable ([Address policy](SECURITY.md#address-policy))',
    isLive: true,
  },
  p2pProxy: {
    group: 'Sources',
    kind: kinds.peerProxy,
    default: undefined,
    help: 'the HTTP proxy of the dfdaemon of this node, for rules with p2p: true (http://127.0.0.1:4001)',
    meaning:
      'the HTTP proxy of the dfdaemon of this node, as `http://127.0.0.1:4001`: what rules with `p2p: true` match is read by way of the cluster ([P2P.md](P2P.md)); in a file `p2p: { proxy: … }`',
    defaultText: 'none: all is read from its source',
    isLive: true,
    inFile: ['p2p', 'proxy'],
  },
  p2pMode: {
    group: 'Sources',
    kind: kinds.choice('mode', 'stream', 'ranges'),
    default: 'stream',
    help: 'what is read by way of the cluster: files that are read in order, or any part of large files too',
    meaning:
      'what is read by way of the cluster: `stream`, files that are read in order from their beginning; `ranges`, other parts too, in windows of 8 MiB ([P2P.md](P2P.md)); in a file `p2p: { mode: … }`',
    isLive: true,
    inFile: ['p2p', 'mode'],
  },
  pluginDir: {
    group: 'Plugins',
    kind: kinds.paths,
    default: [],
    help: 'where plugins are, instead of the default; repeatable',
    meaning: 'where plugins are; repeatable; the first directory that has a scheme serves it',
    defaultText: '`/usr/local/dragonfly/plugins`, and before it `~/.dragonfly/plugins` for ordinary users',
  },
  pluginOption: {
    group: 'Plugins',
    kind: kinds.pluginOptions,
    default: [],
    help: 'NAME.KEY=VALUE, an option of that plugin; repeatable',
    meaning:
      '`NAME.KEY=VALUE`: an option for one plugin; repeatable; a file has them below [`plugins`](CONFIGURATION.md#plugins)',
    isOfStart: true,
  },
  pluginOverride: {
    group: 'Plugins',
    kind: kinds.schemes,
    default: [],
    help: 'let a plugin serve this built-in scheme; repeatable',
  },
  pluginMemory: {
    group: 'Plugins',
    kind: kinds.size,
    default: 512 * MIB,
    help: "limit of a plugin's process, which is killed above it",
    meaning: "limit of one plugin's process; above it the process is killed",
  },
  metricsListen: {
    group: 'Operating',
    kind: kinds.listenAddress,
    default: undefined,
    help: 'serve metrics and health checks over HTTP at HOST:PORT, to all who can reach it',
    meaning:
      'serve metrics for Prometheus and health checks over HTTP at `HOST:PORT`, to all who can reach it ([OPERATING.md](OPERATING.md#metrics))',
    defaultText: 'only on the control socket',
  },
  showControl: {
    group: 'Operating',
    kind: kinds.flag,
    default: false,
    help: 'show the directory .d7y in the listing of the root, too',
    meaning:
      'show the directory `.d7y` in the listing of the root, too ([OPERATING.md](OPERATING.md#files-of-the-mount))',
  },
  logFile: {
    group: 'Logging',
    kind: kinds.path,
    default: undefined,
    help: 'where to log (default: stderr, or in the background a file)',
    meaning: 'where to log',
    defaultText:
      'stderr; in the background `/var/log/d7y-mount.log` for root, else `~/.local/state/d7y-mount/d7y-mount.log`',
  },
  logLevel: {
    group: 'Logging',
    kind: kinds.choice('level', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'),
    default: 'info',
    help: 'least severity that is logged',
    isLive: true,
  },
};

/** A row whose type of values is not known here. */
export type AnyRow = OptionRow<unknown>;

export const OPTION_ROWS = Object.entries(OPTION_TABLE) as unknown as readonly (readonly [
  OptionName,
  AnyRow,
])[];

export const DEFAULT_OPTIONS = Object.fromEntries(
  OPTION_ROWS.map(([name, row]) => [name, row.default]),
) as unknown as MountOptions;

/** `--cache-size`; a flag that is on by default is turned off by `--no-…`. */
export function longOption(name: OptionName, row: AnyRow): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return row.default === true ? `--no-${words}` : `--${words}`;
}

/** `D7Y_MOUNT_CACHE_SIZE`. */
export function variableName(name: OptionName): string {
  return `D7Y_MOUNT_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
