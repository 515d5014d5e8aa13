import type { P2pMode } from '../../src/source/p2p/p2p-settings.js';
import type { HeaderOption } from '../header-option.js';
import type { ListenAddress } from '../listen-address.js';
import type { PluginOptions } from '../plugin-options.js';

/** The options of a mount: one row of the option table each. */
export interface MountOptions extends PluginOptions {
  /** Instead of the files that are there by default. */
  readonly config: string | undefined;
  readonly transport: 'auto' | 'dev-fuse' | 'fuse-native';
  readonly passthrough: boolean;
  readonly foreground: boolean;
  /** A mount in the background outlives the process that serves it. */
  readonly supervise: boolean;
  readonly allowOther: boolean;
  /** Whether programs on the mount can be executed. */
  readonly exec: boolean;
  /** Undefined: of the user who mounts. */
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly umask: number | undefined;
  readonly memory: number;
  /** Undefined: below the user's cache directory. */
  readonly cacheDir: string | undefined;
  /** 0: nothing is kept on disk. */
  readonly cacheSize: number;
  readonly metadataTtl: number;
  readonly negativeTtl: number;
  readonly staleIfError: number;
  readonly offline: boolean;
  /** Empty: the mount has all URLs. */
  readonly root: readonly string[];
  readonly timeout: number;
  readonly retries: number;
  /** 0: all connections are in the main thread. Undefined: as many as `IoThreads` makes of the processors. */
  readonly ioThreads: number | undefined;
  /** Where metrics and health are served to the network. Undefined: nowhere. */
  readonly metricsListen: ListenAddress | undefined;
  /** Whether the listing of the root has `.d7y`. */
  readonly showControl: boolean;
  readonly logFile: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly header: readonly HeaderOption[];
  /** CIDRs. */
  readonly allowAddress: readonly string[];
  /** Of a dfdaemon. Undefined: nothing goes by a cluster of Dragonfly. */
  readonly p2pProxy: string | undefined;
  readonly p2pMode: P2pMode;
}

/** Those that one place gives: the command line, the environment, a file. */
export type GivenOptions = Partial<MountOptions>;

/** What the command line says is to be mounted where. */
export interface GivenMount {
  readonly path: string;
  /** What the mount table shows as the source. */
  readonly source: string;
  readonly options: GivenOptions;
}
