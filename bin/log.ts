import { mkdirSync, renameSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';

import { type Logger, pino } from 'pino';

import type { MountOptions } from './options.js';

const ROTATE_BYTES = 16 * 1024 * 1024;
/** Then it is looked at whether it is long by now. */
const LOOK_AFTER_BYTES = ROTATE_BYTES / 16;
const MAX_UNWRITTEN_BYTES = 1024 * 1024;

/** Where a mount in the background logs when it is not told. */
export function defaultLogFile(): string {
  if (process.getuid?.() === 0) return '/var/log/d7y-mount.log';
  const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state');
  return join(state, 'd7y-mount', 'd7y-mount.log');
}

export function createLog(options: Pick<MountOptions, 'logFile' | 'logLevel'>): Logger {
  const { logFile, logLevel: level } = options;
  if (logFile !== undefined) {
    mkdirSync(dirname(logFile), { recursive: true });
    rotate(logFile);
    return pino({ level }, rotating(logFile));
  }
  if (process.stderr.isTTY) {
    return pino({ level, transport: { target: 'pino-pretty', options: { destination: 2 } } });
  }
  return pino({ level }, destination(2));
}

/** A log that cannot be written (a full disk) is no reason to end a mount: its lines are dropped. */
function destination(dest: string | number): ReturnType<typeof pino.destination> {
  return pino.destination({ dest, sync: true, maxLength: MAX_UNWRITTEN_BYTES }).on('error', () => undefined);
}

function rotating(file: string): ReturnType<typeof destination> {
  const stream = destination(file);
  let unseenBytes = 0;
  stream.on('write', (bytes: number) => {
    unseenBytes += bytes;
    if (unseenBytes < LOOK_AFTER_BYTES) return;
    unseenBytes = 0;
    // Not in the midst of the write.
    setImmediate(() => {
      // Another mount that writes to it may have been first.
      rotate(file);
      try {
        stream.reopen();
      } catch {
        // Where it cannot be opened (its directory is gone) the file goes on that is open.
      }
    });
  });
  return stream;
}

/** Keeps one old log, so that a long life does not fill the disk. */
function rotate(file: string): void {
  try {
    const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > ROTATE_BYTES) renameSync(file, `${file}.1`);
  } catch {
    // Where it cannot be renamed it grows.
  }
}
