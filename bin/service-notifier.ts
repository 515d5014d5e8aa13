/** What a service manager is notified of: sd_notify(3), for `Type=notify` and `notify-reload`, and a watchdog. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from 'pino';

import { codeOf } from '../src/error-code.js';
import { loadSyscalls } from '../src/native/posix.js';

/** Where the manager's queue is full. */
const [RETRIES, RETRY_AFTER_MS] = [40, 50];

type Environment = Record<string, string | undefined>;

type Send = (message: string, descriptor?: number) => void;

/** Messages go out in order, and none is waited for. */
export class ServiceNotifier {
  readonly #send: Send;
  readonly #watchdogMs: number | undefined;
  readonly hasManager: boolean;
  #timer: NodeJS.Timeout | undefined;

  /** Without `send` there is no manager. */
  constructor(send?: Send, watchdogMs?: number) {
    this.#send = send ?? (() => undefined);
    this.hasManager = send !== undefined;
    this.#watchdogMs = watchdogMs;
  }

  /** Also after `reloading`. */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`);
    if (this.#watchdogMs === undefined || this.#timer !== undefined) return;
    // Twice in its time, as sd_watchdog_enabled(3) advises: from the event loop, which a hang would stop.
    this.#timer = setInterval(() => this.#send('WATCHDOG=1'), this.#watchdogMs / 2).unref();
  }

  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
  }

  /** The manager keeps the descriptor, and passes it to the next process of the service (`FileDescriptorStoreMax=`). */
  store(name: string, descriptor: number): void {
    this.#send(`FDSTORE=1\nFDNAME=${name}`, descriptor);
  }

  unstore(name: string): void {
    this.#send(`FDSTOREREMOVE=1\nFDNAME=${name}`);
  }

  stopping(): void {
    this.#send('STOPPING=1');
  }
}

/**
 * The manager that started this process; without one, or without koffi, messages go nowhere. Takes the variables out of the
 * environment: they are not for the programs that this one starts.
 */
export async function serviceNotifier(
  log: Logger,
  environment: Environment = process.env,
): Promise<ServiceNotifier> {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  if (socket === undefined || socket === '') return new ServiceNotifier();
  const syscalls = await loadSyscalls().catch(() => undefined);
  if (syscalls === undefined) {
    log.warn('the service manager cannot be notified: system calls cannot be loaded');
    return new ServiceNotifier();
  }
  let sending = Promise.resolve();
  const send = async (message: string, descriptor?: number): Promise<void> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        syscalls.sendDatagram(socket, message, descriptor);
        return;
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN' || attempt === RETRIES) {
          log.warn({ err: error }, 'the service manager cannot be notified');
          return;
        }
        await sleep(RETRY_AFTER_MS);
      }
    }
  };
  const isWatched = usec !== undefined && (pid === undefined || Number(pid) === process.pid);
  return new ServiceNotifier(
    (message, descriptor) => {
      sending = sending.then(() => send(message, descriptor));
    },
    isWatched ? Number(usec) / 1_000 : undefined,
  );
}
