/**
 * One process of a plugin, from its start to its end: the only place that holds a child process and its
 * connections. A process is used until it `ended`; it is not restarted, another one is started.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { ConnectionPool } from '../http/connection-pool.js';
import { type Connect, connectUnix } from '../http/connect.js';
import { type HttpResponse, exchange } from '../http/http-exchange.js';
import type { IoThreads } from '../http/io-threads.js';
import { LowSpeedLimit } from '../http/low-speed-limit.js';
import type { PlanSocket } from '../http/socket-plan.js';
import { StderrTail } from './stderr-tail.js';
import { safeText } from '../safe-text.js';
import { launch, type LaunchOptions } from './launch.js';
import type { OptionMask } from './option-mask.js';
import type { PluginFile } from './plugin-file.js';
import { type ProcessUsage, readUsage } from './process-usage.js';

export interface PluginLimits {
  /** How long a plugin may take until it listens. */
  readonly startLimitMs: number;
  /** How long a response may take to begin, and to continue. */
  readonly callLimitMs: number;
  /** The most that one plugin's process may take. */
  readonly memoryBytes: number;
  /** Where long bodies are received; undefined: in this thread. */
  readonly threads?: IoThreads | undefined;
}

export interface PluginProcessOptions extends PluginLimits, LaunchOptions {
  readonly mask: OptionMask;
}

const KNOCK_MS = 10;
const MAX_TICK_MS = 250;
const END_GRACE_MS = 500;
const STDERR_TAIL_MS = 100;

export class PluginProcess {
  /** Resolves to why it ended; never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #pool: ConnectionPool;
  readonly #options: PluginProcessOptions;
  readonly #stderrTail: StderrTail;
  #verdict: string | undefined;
  #isEnded = false;
  /** Calls in progress, bodies included. */
  activeCalls = 0;
  lastUsedMs = performance.now();
  /** As of the last `look`. */
  residentBytes = 0;
  /** Processor time since it last sent anything, as of the last `look`. */
  idleCpuMs = 0;
  /** Set whenever it has sent something. */
  hasSent = false;
  #processorMsWhenSent = 0;
  readonly startedMs = performance.now();

  constructor(file: PluginFile, options: PluginProcessOptions) {
    this.#options = options;
    this.#child = launch(file, options);
    // Before anything else: without a descriptor to spare there is a process that has no streams, and fails in a moment.
    this.#child.on('error', () => undefined);
    const { threads, socketPath } = options;
    const connect: Connect = (_, onread, signal) => connectUnix(socketPath, onread, signal);
    const plan: PlanSocket = ({ origin }) => Promise.resolve({ url: origin, key: '', socketPath });
    this.#pool = new ConnectionPool(
      connect,
      {
        // Paused downloads keep their connections: a limit would make the others wait for them.
        maxConnectionsPerOrigin: Infinity,
        maxConnections: Infinity,
        connectTimeoutMs: options.callLimitMs,
        tickMs: Math.min(MAX_TICK_MS, options.callLimitMs / 24),
      },
      threads && { threads, plan },
    );
    this.#stderrTail = new StderrTail(this.#child.stderr, options.mask);
    this.#child.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(this.#onEnd(`cannot be started: ${error.message}`)));
      this.#child.once('exit', (code, signal) => {
        const how = signal === null ? `exit code ${code}` : signal;
        this.#isEnded = true;
        this.#signal('SIGKILL');
        // The last output may still be in the pipe.
        void Promise.race([once(this.#child, 'close'), sleep(STDERR_TAIL_MS)]).then(() =>
          resolve(this.#onEnd(`its process ended (${how})`)),
        );
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The tail of its stderr, to be appended to a message. */
  get stderrTail(): string {
    return this.#stderrTail.toString();
  }

  /** Its stderr, without the values of its options. */
  masked(text: string): string {
    return this.#options.mask.hide(text);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Resolves when it accepts connections; rejects, with the process ended, when it does not come to that. */
  async whenListening(): Promise<void> {
    const endsAt = performance.now() + this.#options.startLimitMs;
    while (!this.#isEnded) {
      if (await accepts(this.#options.socketPath)) return;
      if (performance.now() >= endsAt) {
        this.kill(`does not listen on its socket within ${this.#options.startLimitMs / 1000} s`);
        break;
      }
      await Promise.race([this.ended, sleep(KNOCK_MS)]);
    }
    throw new Error(await this.ended);
  }

  /** Sends a call. The response's body must be read to its end, or cancelled. */
  async post(path: string, call: object, signal: AbortSignal, expectedBytes = 0): Promise<HttpResponse> {
    this.lastUsedMs = performance.now();
    return await exchange(
      this.#pool,
      new URL(path, 'http://plugin'),
      {},
      {
        method: 'POST',
        body: { type: 'application/json', text: JSON.stringify(call) },
        expectedBytes,
        signal,
        priority: 'foreground',
        promotion: undefined,
        headersTimeoutMs: Infinity,
        idleTimeoutMs: this.#options.callLimitMs,
        lowSpeedLimit: new LowSpeedLimit(Infinity),
      },
    );
  }

  /** Reads its memory and processor time; undefined where the system does not report them. */
  async look(): Promise<ProcessUsage | undefined> {
    if (this.pid === undefined || this.#isEnded) return undefined;
    // Read before the usage: what it sends meanwhile counts the next time.
    const { hasSent } = this;
    this.hasSent = false;
    const usage = await readUsage(this.pid);
    if (usage === undefined || this.#isEnded) return undefined;
    this.residentBytes = usage.residentBytes;
    if (hasSent) this.#processorMsWhenSent = usage.processorMs;
    this.idleCpuMs = usage.processorMs - this.#processorMsWhenSent;
    return usage;
  }

  /** Ends it and its children at once. `verdict` says why, in `ended`. */
  kill(verdict: string): void {
    this.#verdict ??= verdict;
    this.#signal('SIGKILL');
  }

  /** Requests its end, and kills what is left after a moment. */
  async stop(): Promise<void> {
    if (this.#isEnded) return;
    this.#verdict ??= 'stopped';
    this.#child.stdin?.end();
    this.#signal('SIGTERM');
    await Promise.race([this.ended, sleep(END_GRACE_MS, undefined, { ref: false })]);
    if (!this.#isEnded) this.#signal('SIGKILL');
    await this.ended;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.pid === undefined) return;
    try {
      // The whole group; what it has left behind too, after its own end.
      process.kill(-this.pid, signal);
    } catch {
      // No process is left.
    }
  }

  #onEnd(how: string): string {
    this.#isEnded = true;
    void this.#pool.close();
    this.#child.stdin?.destroy();
    this.#child.stderr?.destroy();
    rm(this.#options.socketPath, { force: true }).catch(() => undefined);
    return safeText((this.#verdict ?? how) + this.stderrTail);
  }
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
