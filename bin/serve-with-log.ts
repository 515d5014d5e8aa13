import { loadConfiguration } from './config/load-configuration.js';
import type { GivenMount } from './config/options.js';
import { createLog } from './log.js';
import { serve } from './serve.js';

/** Reads the configuration, opens the log, and serves. A failure is logged too. Resolves to the exit code. */
export async function serveWithLog(
  { path, source, options: given }: GivenMount,
  { defaultLogFile, onReady }: ServeOptions = {},
): Promise<number> {
  const loaded = await loadConfiguration(given);
  const { logFile = defaultLogFile } = loaded.options;
  const configuration = { ...loaded, options: { ...loaded.options, logFile } };
  const log = await createLog(configuration.options);
  try {
    for (const warning of loaded.warnings) log.warn(warning);
    return await serve({ path, source, configuration }, log, (ready) => onReady?.(ready, logFile));
  } catch (error) {
    log.fatal({ err: error }, 'cannot mount');
    throw error;
  }
}

export interface ServeOptions {
  /** Undefined: without a log file the log goes to stderr. */
  readonly defaultLogFile?: string;
  readonly onReady?: (path: string, logFile: string | undefined) => void;
}
