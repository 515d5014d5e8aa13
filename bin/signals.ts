import process from 'node:process';
import { isatty } from 'node:tty';

/** Calls `end` for each signal that ends a mount, with the number of signals so far. */
export function onEndSignal(end: (signal: NodeJS.Signals, count: number) => void): void {
  let count = 0;
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM'];
  // A terminal that has hung up is none any more: the question is asked now.
  if (hasTerminal()) signals.push('SIGHUP');
  for (const signal of signals) process.on(signal, () => end(signal, (count += 1)));
}

/** Calls `reload` for SIGHUP, unless that ends the mount. */
export function onReloadSignal(reload: () => void): void {
  if (!hasTerminal()) process.on('SIGHUP', reload);
}

/** Calls `reopen` for SIGUSR1, for logrotate(8). It also keeps Node from opening its debugger, which that signal does. */
export function onReopenSignal(reopen: () => void): void {
  process.on('SIGUSR1', reopen);
}

/**
 * Whether SIGHUP ends this process. Under nohup(1) no standard stream is a terminal; that the signal was ignored cannot be
 * seen, since Node resets it before any code of ours runs.
 */
export function hasTerminal(): boolean {
  return [0, 1, 2].some((fd) => isatty(fd));
}
