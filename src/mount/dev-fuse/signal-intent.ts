/**
 * What the signals that wait for a thread mean for its request. The kernel sends INTERRUPT for any signal, once for each request,
 * and does not report which. Most are for a handler (SIGCHLD, SIGALRM, Go's SIGURG) and can wait; those that end the process, or
 * that people and supervisors end programs with, cannot.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';

/** `unknown`: the thread cannot be seen from here. */
export type SignalIntent = 'continue' | 'abort' | 'unknown';

const { SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM } = constants.signals;
const { SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH } = constants.signals;

/** Give up for these, handled or not. */
const ENDING = maskOf([SIGHUP, SIGINT, SIGQUIT, SIGTERM]);
/** Without a handler these do not end the process (signal(7)); all others do. */
const HARMLESS = maskOf([SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH]);
const KILL = maskOf([SIGKILL]);

/** `status` is the text of `/proc/TID/status`. */
export function signalIntent(status: string): SignalIntent {
  const pending = maskIn(status, 'SigPnd') | maskIn(status, 'ShdPnd');
  // An ending process has it too: each of its threads gets a SIGKILL of its own.
  if ((pending & KILL) !== 0n) return 'abort';
  const effective = pending & ~maskIn(status, 'SigBlk') & ~maskIn(status, 'SigIgn');
  const fatal = effective & ~maskIn(status, 'SigCgt') & ~HARMLESS;
  return ((effective & ENDING) | fatal) === 0n ? 'continue' : 'abort';
}

/** Looks at a thread by the number that the header of its request gives: 0 for one of another pid namespace. */
export function intentOfThread(thread: number): SignalIntent {
  if (thread === 0 || !hasOwnProc()) return 'unknown';
  try {
    // It takes no lock that the thread could hold, and some 25 us.
    return signalIntent(readFileSync(`/proc/${thread}/status`, 'latin1'));
  } catch {
    return 'unknown'; // /proc may hide processes of others (hidepid).
  }
}

let isOwnProc: boolean | undefined;

/** Whether /proc shows the pid namespace of this process: in another one, the number is another thread's. */
function hasOwnProc(): boolean {
  isOwnProc ??= selfInProc() === String(process.pid);
  return isOwnProc;
}

function selfInProc(): string | undefined {
  try {
    return readlinkSync('/proc/self');
  } catch {
    return undefined;
  }
}

function maskIn(status: string, field: string): bigint {
  const hex = new RegExp(`^${field}:\\t([0-9a-f]+)$`, 'm').exec(status)?.[1];
  return hex === undefined ? 0n : BigInt(`0x${hex}`);
}

function maskOf(signals: readonly number[]): bigint {
  return signals.reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n);
}
