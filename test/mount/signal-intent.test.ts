import { spawn } from 'node:child_process';
import { constants } from 'node:os';

import test from 'ava';

import { intentOfThread, signalIntent } from '../../src/mount/dev-fuse/signal-intent.js';
import { until } from '../support/until.js';

type Name = keyof typeof constants.signals;

interface Signals {
  readonly pending?: Name[];
  readonly shared?: Name[];
  readonly blocked?: Name[];
  readonly ignored?: Name[];
  readonly caught?: Name[];
}

/** The lines of /proc/TID/status that count, among others. */
function status({ pending = [], shared = [], blocked = [], ignored = [], caught = [] }: Signals): string {
  const mask = (names: Name[]): string =>
    names
      .reduce((bits, name) => bits | (1n << BigInt(constants.signals[name] - 1)), 0n)
      .toString(16)
      .padStart(16, '0');
  const fields = { SigPnd: pending, ShdPnd: shared, SigBlk: blocked, SigIgn: ignored, SigCgt: caught };
  const lines = Object.entries(fields).map(([field, names]) => `${field}:\t${mask(names)}`);
  return ['Name:\tSigPnd', 'SigQ:\t1/96365', ...lines, 'CapInh:\t0000000000000000', ''].join('\n');
}

// S89
test('signals that end a process, or are meant to, end the wait', (t) => {
  for (const signals of [
    { shared: ['SIGINT'] },
    { shared: ['SIGINT'], caught: ['SIGINT'] },
    { shared: ['SIGTERM'], caught: ['SIGTERM'] },
    { pending: ['SIGHUP'], caught: ['SIGHUP'] },
    { shared: ['SIGQUIT'] },
    { pending: ['SIGKILL'] },
    { pending: ['SIGKILL'], blocked: ['SIGINT'], ignored: ['SIGINT'] },
    { shared: ['SIGALRM'] },
    { pending: ['SIGUSR1'], caught: ['SIGUSR2'] },
    { shared: ['SIGCHLD', 'SIGINT'], caught: ['SIGCHLD', 'SIGINT'] },
    { pending: ['SIGABRT'] },
  ] satisfies Signals[])
    t.is(signalIntent(status(signals)), 'abort', JSON.stringify(signals));
});

// S90
test('signals that are handled, ignored, blocked, or stop the process wait for the answer', (t) => {
  for (const signals of [
    {},
    { shared: ['SIGCHLD'], caught: ['SIGCHLD'] },
    { shared: ['SIGCHLD'] },
    { shared: ['SIGALRM'], caught: ['SIGALRM'] },
    { pending: ['SIGURG'], caught: ['SIGURG'] },
    { pending: ['SIGUSR1', 'SIGUSR2'], caught: ['SIGUSR1', 'SIGUSR2', 'SIGINT'] },
    { shared: ['SIGWINCH'] },
    { shared: ['SIGSTOP'] },
    { shared: ['SIGTSTP'] },
    { shared: ['SIGINT'], blocked: ['SIGINT'] },
    { shared: ['SIGTERM'], ignored: ['SIGTERM'] },
  ] satisfies Signals[])
    t.is(signalIntent(status(signals)), 'continue', JSON.stringify(signals));
});

test('the status of a real thread is understood, and what cannot be seen is unknown', async (t) => {
  t.is(intentOfThread(process.pid), 'continue');
  t.is(intentOfThread(0), 'unknown');
  // Blocks SIGINT and has it pending: as the kernel writes it.
  const code =
    'import signal,os;signal.pthread_sigmask(0,[2]);os.kill(os.getpid(),2);print(open("/proc/self/status").read(),flush=True);input()';
  const child = spawn('python3', ['-c', code], { stdio: ['pipe', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  await until('it shows its status', () => text.includes('Mems_allowed'));
  child.stdin.end();
  t.is(signalIntent(text), 'continue');
  t.is(signalIntent(text.replace(/^SigBlk:\t[0-9a-f]+$/m, 'SigBlk:\t0000000000000000')), 'abort');
});
