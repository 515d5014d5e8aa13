/**
 * All out-of-tree plugins: what lies in the plugin directories, and the `Plugin` of each that was used.
 *
 * The directories are scanned on use (at most once a second), and regularly while a
 * plugin's process runs. So what is added is there at the next use, and what is replaced or removed gives
 * way at once: new requests go to the new file, and `onReplaced` is called, since cached metadata of
 * the scheme is void.
 */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Logger } from 'pino';

import type { Awaitable } from '../../awaitable.js';
import type { CallCounters } from '../validating-client.js';
import type { PluginDescription, PluginSource } from '../registry.js';
import type { ResourceClient } from '../resource-client.js';
import { type DirectoryScan, scanDirectory } from './plugin-directory.js';
import type { PluginFile } from './plugin-file.js';
import { PluginLoadError } from './plugin-load-error.js';
import { Plugin } from './plugin.js';
import type { PluginLimits } from './plugin-process.js';
import { createRemoteClient } from './remote-client.js';
import { RunDirectory } from './run-directory.js';
import { problemsOf } from './scan-problems.js';

export interface PluginSetOptions extends PluginLimits {
  /** Earlier ones come first: of two plugins for one scheme, the first found is used. */
  readonly directories: readonly string[];
  /** By plugin name. */
  readonly option: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Schemes of the tree that a plugin may serve instead. */
  readonly override: readonly string[];
  /** Whose plugins are trusted, beside root's. */
  readonly uid: number;
}

export const DEFAULT_PLUGIN_SET_OPTIONS: PluginSetOptions = {
  directories: [],
  option: {},
  override: [],
  startLimitMs: 10_000,
  callLimitMs: 30_000,
  memoryBytes: 512 * 1024 * 1024,
  uid: process.getuid?.() ?? 0,
};

export interface PluginSetContext {
  /** Whether the tree has a client for the scheme. */
  readonly isInTree: (scheme: string) => boolean;
  readonly log: Logger;
}

interface Entry {
  readonly plugin: Plugin;
  client: Promise<ResourceClient> | undefined;
}

const SCAN_AGE_MS = 1_000;
const MAINTAIN_EVERY_MS = 250;

/** Called at a synchronous exit, so that no process and no socket is left. */
const atExit = new Set<() => void>();

function onExit(): void {
  for (const work of atExit) work();
}

export class PluginSet implements PluginSource {
  readonly #options: PluginSetOptions;
  readonly #context: PluginSetContext;
  readonly #entries = new Map<string, Entry>();
  /** Replaced or removed, and still in use. */
  readonly #retired = new Set<Plugin>();
  #scans: readonly DirectoryScan[] = [];
  #scannedMs = -Infinity;
  /** Those that were logged. */
  #problems: ReadonlySet<string> = new Set();
  #scanning: Promise<void> | undefined;
  readonly #runDirectory = new RunDirectory();
  #isMaintaining = false;
  #isClosed = false;
  readonly #end = (): void => {
    for (const plugin of this.#plugins()) plugin.kill();
    this.#runDirectory.removeNow();
  };
  onReplaced: (scheme: string) => void = () => undefined;

  constructor(options: Partial<PluginSetOptions>, context: PluginSetContext) {
    this.#options = { ...DEFAULT_PLUGIN_SET_OPTIONS, ...options };
    this.#context = context;
  }

  /** Looks through the directories, unless that was done within `maxAgeMs`. */
  async refresh(maxAgeMs = 0): Promise<void> {
    if (performance.now() - this.#scannedMs < maxAgeMs) return;
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    await this.#scanning;
  }

  /** The scans of the last `refresh`, one for each directory. */
  get scans(): readonly DirectoryScan[] {
    return this.#scans;
  }

  listSchemes(): string[] {
    return [...this.#entries.keys()];
  }

  /** The client of a scheme's plugin, started if need be; undefined when there is no plugin for it. */
  clientFor(scheme: string): Awaitable<ResourceClient | undefined> {
    // What is the tree's alone does not wait for a directory.
    return this.#isReserved(scheme) ? undefined : this.#foundClient(scheme);
  }

  async #foundClient(scheme: string): Promise<ResourceClient | undefined> {
    await this.refresh(SCAN_AGE_MS);
    const entry = this.#entries.get(scheme);
    if (entry === undefined) return undefined;
    entry.client ??= entry.plugin.load().then(() => createRemoteClient(entry.plugin));
    try {
      return await entry.client;
    } catch (error) {
      // The plugin itself remembers the failure, and for how long.
      entry.client = undefined;
      throw error;
    }
  }

  describe(scheme: string): PluginDescription | undefined {
    const plugin = this.#entries.get(scheme)?.plugin;
    if (plugin === undefined) return undefined;
    const { file, attributes, state, lastError, counters, residentBytes } = plugin;
    return { location: file.path, attributes, state, lastError, counters: { ...counters }, residentBytes };
  }

  countersOf(scheme: string): CallCounters | undefined {
    return this.#entries.get(scheme)?.plugin.counters;
  }

  /** Why the plugin of a file is not used, apart from its own faults. */
  refusalOf(file: PluginFile): PluginLoadError | undefined {
    const { name } = file;
    if (this.#context.isInTree(name) && !this.#options.override.includes(name)) {
      const message = `scheme ${name} is in-tree; --plugin-override ${name} lets this plugin serve it`;
      return new PluginLoadError('PLUGIN_RESERVED', message);
    }
    const used = this.#entries.get(name)?.plugin.file;
    if (used === undefined || used.root === file.root) return undefined;
    return new PluginLoadError('PLUGIN_RESERVED', `scheme ${name} is served by ${used.path}`);
  }

  /** Process ids of all that runs, for tests and for the curious. */
  get pids(): number[] {
    return this.#plugins().flatMap(({ pids }) => pids);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#scanning?.catch(() => undefined);
    await Promise.all(this.#plugins().map((plugin) => plugin.close()));
    atExit.delete(this.#end);
    await this.#runDirectory.remove();
  }

  readonly #plugins = (): Plugin[] => [
    ...[...this.#entries.values()].map(({ plugin }) => plugin),
    ...this.#retired,
  ];

  async #scan(): Promise<void> {
    const { directories, uid } = this.#options;
    this.#scans = await Promise.all(directories.map((directory) => scanDirectory(directory, uid)));
    this.#scannedMs = performance.now();
    const files = new Map<string, PluginFile>();
    for (const found of this.#scans.flatMap((scan) => scan.found)) {
      if (found.is !== 'plugin' || files.has(found.file.name)) continue;
      if (this.#isReserved(found.file.name)) continue;
      files.set(found.file.name, found.file);
    }
    for (const [name, { plugin }] of this.#entries) {
      if (files.get(name)?.fingerprint !== plugin.file.fingerprint) this.#retire(name, plugin);
    }
    for (const [name, file] of files) {
      if (this.#entries.has(name)) continue;
      this.#entries.set(name, { plugin: this.#plugin(file), client: undefined });
      // What is remembered came from the tree's own client.
      if (this.#context.isInTree(name)) this.onReplaced(name);
    }
    this.#logProblems();
  }

  #logProblems(): void {
    const logged = this.#problems;
    const problems = problemsOf(this.#scans, (file) => this.refusalOf(file));
    for (const { location, message } of problems) {
      if (!logged.has(location + message))
        this.#context.log.warn({ location }, `plugin passed over: ${message}`);
    }
    this.#problems = new Set(problems.map(({ location, message }) => location + message));
  }

  #isReserved(scheme: string): boolean {
    return this.#context.isInTree(scheme) && !this.#options.override.includes(scheme);
  }

  #retire(name: string, plugin: Plugin): void {
    this.#context.log.info({ plugin: name, location: plugin.file.path }, 'plugin replaced or removed');
    this.#entries.delete(name);
    plugin.retire();
    if (plugin.hasProcess) this.#retired.add(plugin);
    if (plugin.counters.starts > 0) this.onReplaced(name);
  }

  #plugin(file: PluginFile): Plugin {
    return new Plugin(file, {
      ...this.#options,
      option: this.#options.option[file.name] ?? {},
      runDirectory: () => this.#ensureRunDirectory(),
      onStart: () => void this.#maintain(),
      onFault: (message) =>
        this.#context.log.warn({ plugin: file.name, location: file.path }, `plugin: ${message}`),
    });
  }

  #ensureRunDirectory(): Promise<string> {
    if (!atExit.has(this.#end)) {
      if (atExit.size === 0) process.off('exit', onExit).once('exit', onExit);
      atExit.add(this.#end);
    }
    return this.#runDirectory.path();
  }

  /** Goes on as long as a plugin has a process. */
  async #maintain(): Promise<void> {
    if (this.#isMaintaining) return;
    this.#isMaintaining = true;
    do {
      await sleep(MAINTAIN_EVERY_MS, undefined, { ref: false });
      if (this.#isClosed) return;
      await this.refresh(SCAN_AGE_MS).catch((error: unknown) =>
        this.#context.log.warn({ err: error }, 'cannot look through the plugin directories'),
      );
      for (const plugin of this.#plugins()) {
        await plugin.maintain();
        if (!plugin.hasProcess) this.#retired.delete(plugin);
      }
    } while (this.#plugins().some(({ hasProcess }) => hasProcess));
    this.#isMaintaining = false;
  }
}
