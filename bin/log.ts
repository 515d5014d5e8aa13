import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import type { Logger } from 'pino';

import { LogFile } from './log-file.js';
import type { MountOptions } from './config/options.js';
import { countedLog } from './safe-log.js';

const MAX_UNWRITTEN_BYTES = 1024 * 1024;

/** The default of `--log-file` in the background. */
export function defaultLogFile(): string {
  if (process.getuid?.() === 0) return '/var/log/d7y-mount.log';
  const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state');
  return join(state, 'd7y-mount', 'd7y-mount.log');
}

interface LogContext {
  /** What all lines say: several mounts may share a file. */
  readonly mountpoint?: string;
  /** Is given what opens the file anew. */
  readonly onReopen?: (reopen: () => void) => void;
  /** The lines that are written are counted here, by level. */
  readonly messages?: Record<string, number>;
}

/** Rejects with a `LogFileError` if the log file cannot be used. */
export async function createLog(
  options: Pick<MountOptions, 'logFile' | 'logLevel'>,
  { mountpoint, onReopen = () => undefined, messages = {} }: LogContext = {},
): Promise<Logger> {
  const { logFile, logLevel: level } = options;
  const { pino } = await import('pino');
  const base = {
    pid: process.pid,
    hostname: hostname(),
    ...(mountpoint === undefined ? {} : { mountpoint }),
  };
  const given = { ...countedLog(messages), level, base };
  if (logFile !== undefined) {
    const file = await LogFile.open(logFile);
    onReopen(() => file.reopen());
    return pino(given, file);
  }
  onReopen(() => undefined);
  if (process.stderr.isTTY) {
    return pino({ ...given, transport: { target: 'pino-pretty', options: { destination: 2 } } });
  }
  // Lines that cannot be written are dropped, as in a file.
  const stderr = pino.destination({ dest: 2, sync: true, maxLength: MAX_UNWRITTEN_BYTES });
  return pino(
    given,
    stderr.on('error', () => undefined),
  );
}
