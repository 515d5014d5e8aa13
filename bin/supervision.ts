/** A supervisor, as the process that serves the mount sees it: starts it, and reports to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { Logger } from 'pino';

import { findMount } from '../src/mount/mount-table.js';
import type { GivenMount } from './config/options.js';
import type { Keeper, MountDescriptors } from './keeper.js';
import { defaultLogFile } from './log.js';
import {
  ALIVE_INTERVAL_MS,
  PASSED,
  type ServerMessage,
  type SupervisedMount,
} from './supervision-messages.js';

/** A supervisor that ended is followed by another one, not sooner than this. */
const RESTART_AFTER_MS = 1_000;

type Channel = Pick<NodeJS.Process | ChildProcess, 'send' | 'connected' | 'channel'>;

export class Supervision implements Keeper {
  readonly name = 'supervisor';
  readonly kept: MountDescriptors | undefined;
  readonly #given: GivenMount;
  readonly #mountpoint: () => string;
  readonly #log: Logger;
  #descriptors: MountDescriptors | undefined;
  #channel: Channel | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `isResumed`: this process was started by a supervisor, with the descriptors. */
  constructor(given: GivenMount, mountpoint: () => string, log: Logger, isResumed: boolean) {
    this.#given = given;
    this.#mountpoint = mountpoint;
    this.#log = log;
    this.kept = isResumed ? PASSED : undefined;
    this.#descriptors = this.kept;
    if (!isResumed) return;
    this.#channel = process;
    process.channel?.unref();
    process.once('disconnect', () => this.#replace());
  }

  keep(descriptors: MountDescriptors): void {
    this.#descriptors = descriptors;
  }

  release(): void {
    // When this process ends, the supervisor does: then the mount ends, too.
    this.#report('ended');
    this.#descriptors = undefined;
  }

  serving(): void {
    if (this.#channel === undefined) this.#startSoon(0);
    else this.#report('serving');
    // From the event loop, which a hang would stop.
    this.#timer ??= setInterval(() => this.#report('alive'), ALIVE_INTERVAL_MS).unref();
  }

  ended(): void {
    this.#end('ended');
  }

  handingOver(): void {
    this.#end('handing over');
  }

  #end(message: ServerMessage): void {
    this.#descriptors = undefined;
    clearInterval(this.#timer);
    this.#report(message);
  }

  #report(message: ServerMessage): void {
    // To one that has ended nothing is reported.
    if (this.#channel?.connected === true)
      this.#channel.send?.(message, undefined, undefined, () => undefined);
  }

  /** The supervisor has ended: without one, the mount would end with this process. */
  #replace(): void {
    this.#channel = undefined;
    if (this.#descriptors === undefined) return;
    this.#log.warn('the supervisor has ended; starting another one');
    this.#startSoon(RESTART_AFTER_MS);
  }

  #startSoon(delayMs: number): void {
    const start = (): void => {
      this.#start().catch((error: unknown) => this.#failed(error));
    };
    setTimeout(start, delayMs).unref();
  }

  /** For want of processes or memory, perhaps. */
  #failed(error: unknown): void {
    this.#log.error({ err: error }, 'the supervisor cannot be started');
    this.#channel = undefined;
    if (this.#descriptors !== undefined) this.#startSoon(RESTART_AFTER_MS);
  }

  async #start(): Promise<void> {
    const mountpoint = this.#mountpoint();
    const mount = await findMount(mountpoint);
    if (mount === undefined || this.#descriptors === undefined) return;
    const { device, journal } = this.#descriptors;
    const script = fileURLToPath(new URL('supervisor.js', import.meta.url));
    // The arguments are only shown, in the list of processes.
    const child = spawn(process.execPath, [script, mountpoint], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', device, ...journal],
      serialization: 'advanced',
    });
    child.on('error', (error) => {
      if (child.pid === undefined) this.#failed(error);
    });
    child.once('exit', () => this.#replace());
    child.unref();
    child.channel?.unref();
    this.#channel = child;
    const supervised: SupervisedMount = {
      given: this.#given,
      mountpoint,
      device: mount.device,
      pid: process.pid,
      logFile: this.#given.options.logFile ?? defaultLogFile(),
    };
    child.send(supervised, () => undefined);
  }
}
