/** How the process of a plugin is started: what it is given, and what it is not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { PluginFile } from './plugin-file.js';
import { SOCKET_VARIABLE } from './protocol.js';

/** All that a plugin's process inherits of our environment; the rest may hold secrets. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/** Added to our own nice value: a plugin that computes much leaves the processor to readers. */
const NICE_INCREMENT = 5;

/** By its name in package.json: this module may be part of a bundle. */
const HOST = fileURLToPath(import.meta.resolve('#plugin-host'));

export interface LaunchOptions {
  readonly socketPath: string;
  readonly workingDirectory: string;
  /** For a module: the most that its heap may hold. */
  readonly memoryBytes: number;
}

/**
 * Starts it as the leader of a process group of its own, so that its children can be ended with it. Its
 * standard input is a pipe that ends when we do; its standard output is dropped; the descriptors that we
 * have open are not passed on. It is killed by the kernel if we die (prctl(2), PR_SET_PDEATHSIG), where
 * setpriv(1) exists.
 */
export function launch(file: PluginFile, options: LaunchOptions): ChildProcess {
  const heapMiB = Math.max(16, Math.floor(options.memoryBytes / 2 ** 20));
  const command =
    file.kind === 'program'
      ? [file.path]
      : [process.execPath, `--max-old-space-size=${heapMiB}`, HOST, file.path];
  const [program = '', ...args] = [...untilWeDie(), ...command];
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));
  const child = spawn(program, args, {
    cwd: options.workingDirectory,
    env: { ...inherited, [SOCKET_VARIABLE]: options.socketPath },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  });
  // Before it has other threads, which inherit the value.
  if (child.pid !== undefined) setNice(child.pid);
  return child;
}

function setNice(pid: number): void {
  try {
    setPriority(pid, Math.min(constants.priority.PRIORITY_LOW, getPriority() + NICE_INCREMENT));
  } catch {
    // It has ended already.
  }
}

function untilWeDie(): readonly string[] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
  // Without it a plugin detects our end by EOF on its stdin.
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL'];
}
