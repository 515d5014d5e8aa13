import { resolve } from 'node:path';

import type { Configuration } from './config/configuration.js';
import { LiveConfiguration } from './config/live-configuration.js';
import { loadConfiguration } from './config/load-configuration.js';
import type { GivenMount, MountOptions } from './config/options.js';
import { reload } from './config/reload.js';
import { withFittingMemory } from './fitting-memory.js';
import { createLog } from './log.js';
import { onReopenSignal } from './signals.js';
import { type KeeperFor, serve } from './serve.js';

/** Reads the configuration, opens the log, and serves. A failure is logged too. Resolves to the exit code. */
export async function serveWithLog(
  givenMount: GivenMount,
  { defaultLogFile, onReady, keeperFor }: ServeOptions = {},
): Promise<number> {
  const { path, source, options: given } = givenMount;
  const load = async (): Promise<Configuration> => {
    const loaded = withFittingMemory(await loadConfiguration(given));
    const { logFile = defaultLogFile } = loaded.options;
    return { ...loaded, options: { ...loaded.options, logFile } };
  };
  const first = await load();
  const logMessages: Record<string, number> = {};
  const log = await createLog(first.options, {
    mountpoint: resolve(path),
    onReopen: onReopenSignal,
    messages: logMessages,
  });
  try {
    for (const warning of first.warnings) log.warn(warning);
    const configuration = new LiveConfiguration(first);
    configuration.onReplaced(({ options }) => {
      log.level = options.logLevel;
    });
    return await serve({ path, source, configuration }, log, {
      onReady: (ready) => onReady?.(ready, first.options),
      keeperFor: first.options.supervise ? keeperFor : undefined,
      load,
      onReload: () => reload(configuration, load, log),
      setLogLevel: (level) => {
        log.level = level;
      },
      logMessages,
    });
  } catch (error) {
    log.fatal({ err: error }, 'cannot mount');
    throw error;
  }
}

export interface ServeOptions {
  /** Undefined: without a log file the log goes to stderr. */
  readonly defaultLogFile?: string;
  readonly onReady?: (path: string, options: MountOptions) => void;
  /** Who keeps the mount, unless a service manager does. */
  readonly keeperFor?: KeeperFor | undefined;
}
