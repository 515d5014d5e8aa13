import { isatty } from 'node:tty';

/**
 * Whether a hang-up concerns this process. nohup(1) leaves no terminal on any standard stream, and that is how it is told:
 * Node has reset the signal that nohup ignores before any of our code runs.
 */
export function hasTerminal(): boolean {
  return [0, 1, 2].some((fd) => isatty(fd));
}
