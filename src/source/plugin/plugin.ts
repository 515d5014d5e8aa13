/**
 * One plugin, as one version of its file: its process when it has one, and its state.
 *
 * - The process is started by the first call that needs it, and again by the next call after its end.
 * - A process that ends by itself, takes too much memory, or leaves a call without a response until the
 *   deadline is replaced. Starts that follow failures wait: 100 ms, then twice as long each time, up to
 *   30 s. A caller waits along for up to 2 s; for longer it is refused with the last error.
 * - A process that has taken as much processor time as the deadline without sending anything, and that no
 *   call waits for, is ended.
 * - A failed load is kept for 5 s, and not tried again in that time.
 * - A replaced or removed plugin (`retire`) keeps its process for the calls that still use it, without a new
 *   one; a minute after its last call it ends.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { messageOf } from '../../error-code.js';
import { ChangedError, ClientFaultError, SourceError } from '../errors.js';
import type { PluginDescription } from '../registry.js';
import { safeText } from '../safe-text.js';
import { checkAttributes } from './attributes.js';
import { Backoff } from './backoff.js';
import { callForJson, ConnectionLostError, DeadlineError } from './call.js';
import { OptionMask } from './option-mask.js';
import type { PluginFile } from './plugin-file.js';
import { describeFailure, PluginLoadError } from './plugin-load-error.js';
import { type PluginLimits, PluginProcess } from './plugin-process.js';
import type { OptionalMethod } from './protocol.js';
import { checkTrust } from './trust.js';

export interface PluginContext extends PluginLimits {
  readonly option: Readonly<Record<string, string>>;
  /** Whose plugins are trusted, beside root's. */
  readonly uid: number;
  /** A directory of ours for sockets. */
  readonly runDirectory: () => Promise<string>;
  /** Called when a process was started. */
  readonly onStart: () => void;
  readonly onFault: (message: string) => void;
}

const [RESTART_MS, MAX_RESTART_MS] = [100, 30_000];
/** A process that ends has closed its connections so long before, on a busy machine. */
const ENDING_MS = 500;
const FAILED_LOAD_MS = 5_000;
const PATIENCE_MS = 2_000;
/** A process that lived for so long did not fail by starting. */
const STEADY_MS = 30_000;
const RETIRED_IDLE_MS = 60_000;
const MAX_DESCRIPTION_BYTES = 64 * 1024;

let sockets = 0;

export class Plugin {
  readonly file: PluginFile;
  readonly counters = { calls: 0, failures: 0, starts: 0, bytes: 0 };
  attributes: Readonly<Record<string, string>> = {};
  methods: ReadonlySet<OptionalMethod> = new Set();
  state: PluginDescription['state'] = 'registered';
  lastError: string | null = null;
  readonly #context: PluginContext;
  readonly #mask: OptionMask;
  readonly #restart = new Backoff(RESTART_MS, MAX_RESTART_MS);
  readonly #failedLoad = new Backoff(FAILED_LOAD_MS, FAILED_LOAD_MS);
  #failure: unknown;
  #current: Promise<PluginProcess> | undefined;
  readonly #processes = new Set<PluginProcess>();
  /** Processes that get no new calls, and when to kill them at the latest. */
  readonly #draining = new Map<PluginProcess, number>();
  #isRetired = false;
  #isClosed = false;

  constructor(file: PluginFile, context: PluginContext) {
    this.file = file;
    this.#context = context;
    this.#mask = new OptionMask(context.option);
  }

  get callLimitMs(): number {
    return this.#context.callLimitMs;
  }

  /** Of its processes, as of the last `maintain`. */
  get residentBytes(): number {
    return [...this.#processes].reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  }

  get hasProcess(): boolean {
    return this.#processes.size > 0 || this.#current !== undefined;
  }

  get pids(): number[] {
    return [...this.#processes].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Starts it if need be; rejects when it cannot be used. */
  async load(): Promise<void> {
    await this.#ready(`${this.file.name}://`);
  }

  /** Runs work on the process. What was cut off by the end of the process is tried once more, on the next. */
  async run<Result>(url: URL | string, work: (process: PluginProcess) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      const process = await this.#ready(url);
      process.activeCalls += 1;
      try {
        const result = await work(process);
        process.hasSent = true;
        return result;
      } catch (error) {
        await this.noteFailure(process, error);
        if (attempt > 1 || !(error instanceof ConnectionLostError)) throw error;
      } finally {
        process.activeCalls -= 1;
        process.lastUsedMs = performance.now();
      }
    }
  }

  /** Records a failed call, and replaces a process that missed the deadline. */
  async noteFailure(process: PluginProcess, error: unknown): Promise<void> {
    if (error instanceof DeadlineError) {
      if (process.isEnded || this.#draining.has(process)) this.#note(error.message);
      else this.#replace(process, error.message);
    } else if (error instanceof ConnectionLostError) {
      // The exit event may follow the close of its connection.
      await Promise.race([process.ended, sleep(ENDING_MS)]);
      if (!process.isEnded) this.#note(`broke a connection${process.stderrTail}`);
    } else if (error instanceof SourceError && (error.code === 'CLIENT_FAULT' || error.code === 'PROTOCOL')) {
      this.#note(error.found === undefined ? error.message : `${error.message} (${error.found})`);
    }
  }

  /** Looks after the processes; to be called a few times in a second. */
  async maintain(): Promise<void> {
    const now = performance.now();
    for (const [process, untilMs] of this.#draining) {
      if (process.activeCalls === 0 || now >= untilMs) process.kill('gave no response');
    }
    for (const process of this.#processes) {
      const bytes = (await process.look())?.residentBytes;
      if (bytes !== undefined && bytes > this.#context.memoryBytes) {
        process.kill(`took too much memory: ${Math.ceil(bytes / 2 ** 20)} MiB`);
      }
      // The caller has aborted; no other call would detect it.
      if (process.activeCalls === 0 && process.idleCpuMs > this.#context.callLimitMs) {
        process.kill(`was busy for ${Math.round(process.idleCpuMs / 1_000)} s with nothing to do`);
      }
      const isIdle = process.activeCalls === 0 && now - process.lastUsedMs > RETIRED_IDLE_MS;
      if (this.#isRetired && isIdle) await process.stop();
    }
  }

  /** Its file is another one now, or gone. */
  retire(): void {
    this.#isRetired = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const starting = this.#current;
    await Promise.all([...this.#processes].map((process) => process.stop()));
    await starting?.then(
      (process) => process.stop(),
      () => undefined,
    );
  }

  /** Kills its processes at once: for a synchronous exit. */
  kill(): void {
    this.#isClosed = true;
    for (const process of this.#processes) process.kill('stopped');
  }

  #ready(url: URL | string): Promise<PluginProcess> {
    this.#current ??= this.#start(url).catch((error: unknown) => {
      this.#current = undefined;
      throw error;
    });
    return this.#current;
  }

  async #start(url: URL | string): Promise<PluginProcess> {
    this.#refuseIfOver(url);
    if (this.#failedLoad.leftMs > 0) throw this.#failure;
    const { leftMs } = this.#restart;
    if (leftMs > PATIENCE_MS) {
      const found = `it starts again in ${Math.ceil(leftMs / 1000)} s; last error: ${this.lastError}`;
      throw new ClientFaultError('plugin', url, { expected: 'a running plugin', found });
    }
    if (leftMs > 0) await sleep(leftMs);
    this.#refuseIfOver(url);
    try {
      const process = await this.#launch();
      this.state = 'loaded';
      this.#failure = undefined;
      return process;
    } catch (error) {
      this.state = 'failed';
      this.#failure = error;
      this.#failedLoad.fail();
      this.#note(messageOf(error));
      throw error;
    }
  }

  #refuseIfOver(url: URL | string): void {
    if (!this.#isClosed && !this.#isRetired) return;
    throw new ChangedError(url, { expected: `plugin ${this.file.fileName}`, found: 'it was replaced' });
  }

  async #launch(): Promise<PluginProcess> {
    const { uid, runDirectory, startLimitMs, callLimitMs, memoryBytes, threads, onStart } = this.#context;
    await checkTrust(this.file.root, uid);
    // No link on the way can be exchanged now: what was checked is what is started.
    const path = await checkTrust(this.file.path, uid);
    const workingDirectory = await runDirectory();
    sockets += 1;
    this.counters.starts += 1;
    const process = new PluginProcess(
      { ...this.file, path },
      {
        socketPath: join(workingDirectory, `${sockets}.sock`),
        workingDirectory,
        memoryBytes,
        mask: this.#mask,
        startLimitMs,
        callLimitMs,
        threads,
      },
    );
    this.#processes.add(process);
    void process.ended.then((why) => this.#onEnded(process, why));
    onStart();
    try {
      await process.whenListening();
      await this.#describe(process);
      if (process.isEnded) throw new PluginLoadError('PLUGIN_LOAD', await process.ended);
      return process;
    } catch (error) {
      process.kill('cannot be used');
      throw error;
    }
  }

  async #describe(process: PluginProcess): Promise<void> {
    const { name } = this.file;
    let response: Record<string, unknown>;
    try {
      const { option, startLimitMs: limitMs } = this.#context;
      const call = { url: `${name}://`, signal: undefined, limitMs, maxBytes: MAX_DESCRIPTION_BYTES };
      response = await callForJson(process, '/describe', { option }, call);
      process.hasSent = true;
    } catch (error) {
      throw describeFailure(error, process.isEnded ? await process.ended : undefined);
    }
    this.attributes = this.#maskedAttributes(checkAttributes(response['attributes'], name));
    if (typeof response['clientFault'] === 'string') {
      throw new PluginLoadError('PLUGIN_LOAD', this.#mask.hide(response['clientFault']).slice(0, 500));
    }
    const methods = Array.isArray(response['methods']) ? response['methods'] : [];
    this.methods = new Set((['list', 'expired'] as const).filter((method) => methods.includes(method)));
  }

  #maskedAttributes(attributes: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const isOurs = (value: string): boolean => value === this.file.name || value === 'resource';
    return Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [
        name,
        isOurs(value) ? value : this.#mask.hide(value),
      ]),
    );
  }

  #onEnded(process: PluginProcess, why: string): void {
    this.#processes.delete(process);
    const wasDraining = this.#draining.delete(process);
    // `#start` reports one that did not come up, `#replace` one that drained.
    if (this.#isClosed || wasDraining || this.state !== 'loaded') return;
    this.#current = undefined;
    if (!this.#isRetired) this.#fellOut(process, why);
  }

  #replace(process: PluginProcess, why: string): void {
    this.#draining.set(process, performance.now() + this.#context.callLimitMs);
    this.#current = undefined;
    // The time that nothing came in does not speak for it.
    this.#fellOut(process, why, this.#context.callLimitMs);
  }

  #fellOut(process: PluginProcess, why: string, lostMs = 0): void {
    this.state = 'restarting';
    if (performance.now() - process.startedMs - lostMs > STEADY_MS) this.#restart.succeed();
    this.#restart.fail();
    this.#note(why);
  }

  #note(message: string): void {
    this.lastError = safeText(message);
    this.#context.onFault(this.lastError);
  }
}
