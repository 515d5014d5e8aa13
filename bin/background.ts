/**
 * The process in the background. What it is to mount comes over the channel from the process that started it
 * (`runInBackground`): it may hold secrets, and everybody can read the arguments of a process.
 */
import process from 'node:process';

import type { DaemonMessage } from './daemon.js';
import { createLog } from './log.js';
import type { MountRequest } from './mount-request.js';
import { serve } from './serve.js';

/** Who started it is gone before the mount stands: nobody wants it any more. */
const endUnwanted = (): void => {
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
    await report({ failed: error instanceof Error ? error.message : String(error) });
    return 1;
  }
}

/** The last message. */
async function report(message: DaemonMessage): Promise<void> {
  process.removeListener('disconnect', endUnwanted);
  if (!process.connected) return;
  await new Promise((resolve) => process.send?.(message, resolve));
  if (process.connected) process.disconnect();
}

process.once('disconnect', endUnwanted);
process.once('message', (request: MountRequest) => {
  void run(request).then((exitCode) => process.exit(exitCode));
});
