/**
 * The process in the background. It receives what was given over a channel from the process that started it
 * (`runInBackground`): that may hold secrets, and all users can read the arguments of a process.
 */
import process from 'node:process';

import { messageOf } from '../src/error-code.js';
import { appendFatal } from './append-fatal.js';
import { ConfigurationError } from './config/configuration-error.js';
import type { GivenMount } from './config/options.js';
import type { KeeperFor } from './serve.js';
import { Supervision } from './supervision.js';
import type { ResumedStart } from './supervision-messages.js';
import type { DaemonMessage } from './daemon.js';
import { defaultLogFile } from './log.js';
import { serveWithLog } from './serve-with-log.js';

/** The process that started it ended before the mount was ready. */
const endOrphan = (): void => {
  process.kill(process.pid, 'SIGTERM');
};

/** `resumed`: a supervisor has started it. */
async function run(given: GivenMount, resumed: ResumedStart | undefined): Promise<number> {
  const isResumed = resumed !== undefined;
  const keeperFor: KeeperFor = (path, log) => new Supervision(given, path, log, isResumed);
  try {
    return await serveWithLog(given, {
      defaultLogFile: defaultLogFile(),
      keeperFor,
      onReady: (ready, { logFile, root }) => {
        if (!isResumed) void report({ ready, logFile, hasRoot: root.length > 0 });
      },
    });
  } catch (error) {
    // Other failures are in the log, which was not open then.
    if (isResumed && error instanceof ConfigurationError) await appendFatal(resumed.logFile, error.message);
    if (isResumed) return 1;
    await report(
      error instanceof ConfigurationError ? { faults: error.faults } : { failed: messageOf(error) },
    );
    return 1;
  }
}

/** The last message. */
async function report(message: DaemonMessage): Promise<void> {
  process.removeListener('disconnect', endOrphan);
  if (!process.connected) return;
  await new Promise((resolve) => process.send?.(message, resolve));
  if (process.connected) process.disconnect();
}

process.once('disconnect', endOrphan);
process.once('message', (message: GivenMount | ResumedStart) => {
  const isResumed = 'supervisor' in message;
  // Then a supervisor that ends is followed by another one.
  if (isResumed) process.removeListener('disconnect', endOrphan);
  void run(isResumed ? message.given : message, isResumed ? message : undefined).then((exitCode) =>
    process.exit(exitCode),
  );
});
