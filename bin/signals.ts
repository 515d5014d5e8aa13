import process from 'node:process';
import { isatty } from 'node:tty';

import type { Logger } from 'pino';

/** Calls `end` for each signal that ends a mount, with the number of signals so far. */
export function onEndSignal(log: Logger, end: (signal: NodeJS.Signals, count: number) => void): void {
  let count = 0;
  // A terminal that has hung up is none any more.
  const canHangUp = hasTerminal();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signal === 'SIGHUP' && !canHangUp) {
        log.info({ signal }, 'ignored: the process has no terminal');
        return;
      }
      count += 1;
      end(signal, count);
    });
  }
}

/**
 * Whether SIGHUP ends this process. Under nohup(1) no standard stream is a terminal; that the signal was ignored cannot be
 * seen, since Node resets it before any code of ours runs.
 */
export function hasTerminal(): boolean {
  return [0, 1, 2].some((fd) => isatty(fd));
}
