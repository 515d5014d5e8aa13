/**
 * The process in the background. It receives the request over a channel from the process that started it
 * (`runInBackground`): the request may hold secrets, and all users can read the arguments of a process.
 */
import process from 'node:process';

import { messageOf } from '../src/error-code.js';
import type { DaemonMessage } from './daemon.js';
import { createLog } from './log.js';
import { serve } from './serve.js';
import type { MountRequest } from './options.js';

/** The process that started it ended before the mount was ready. */
const endOrphan = (): void => {
  process.kill(process.pid, 'SIGTERM');
};

async function run(request: MountRequest): Promise<number> {
  try {
    const log = await createLog(request.options);
    try {
      return await serve(request, log, (ready) => void report({ ready }));
    } catch (error) {
      log.fatal({ err: error }, 'cannot mount');
      throw error;
    }
  } catch (error) {
    await report({ failed: messageOf(error) });
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
process.once('message', (request: MountRequest) => {
  void run(request).then((exitCode) => process.exit(exitCode));
});
