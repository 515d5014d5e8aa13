/**
 * What is never evicted: URLs, or all that lies below them. One small file for each, which any process of the user makes or removes;
 * the writer looks at the directory before it evicts. A file that is not what its name says, which is a hash of it, is no pin.
 */
import { hash } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { codeOf } from '../../error-code.js';
import type { Pin } from './disk-cache.js';
import { openOwn, readBytes, syncDirectory, whileOpen } from './file-io.js';
import { PINS_NAME } from './layout.js';
import type { RateLimitedLog } from './rate-limited-log.js';

const MAX_PIN_BYTES = 64 * 1024;
const NAME = /^[0-9a-f]{32}\.pin$/;
/** A change so short ago may be followed by one that leaves the same time. */
const SETTLED_MS = 1_000;
/** Unfinished ones of processes that were killed. */
const STALE_MS = 60_000;

export class Pins {
  readonly #directory: string;
  readonly #warnings: RateLimitedLog;
  /** By file. */
  #pins = new Map<string, Pin>();
  #byUrl = new Map<string, Pin>();
  readonly #damaged = new Set<string>();
  #seen = '';
  #refreshing: Promise<void> | undefined;
  /** Changes whenever they do. */
  epoch = 1;

  constructor(root: string, warnings: RateLimitedLog) {
    this.#directory = join(root, PINS_NAME);
    this.#warnings = warnings;
  }

  get all(): readonly Pin[] {
    return [...this.#byUrl.values()];
  }

  get isEmpty(): boolean {
    return this.#byUrl.size === 0;
  }

  /** The pin that keeps the URL. */
  of(url: string): Pin | undefined {
    if (this.isEmpty) return undefined;
    const own = this.#byUrl.get(url);
    if (own !== undefined) return own;
    for (let end = url.lastIndexOf('/'); end > url.indexOf('://') + 2; end = url.lastIndexOf('/', end - 1)) {
      const above = this.#byUrl.get(url.slice(0, end));
      if (above?.isRecursive === true) return above;
    }
    return undefined;
  }

  /** Reads what other processes have changed. Never rejects. */
  refresh(): Promise<void> {
    return (this.#refreshing ??= this.#refresh()
      .catch((error: unknown) => this.#warnings.warn('cannot read the pins', error))
      .finally(() => {
        this.#refreshing = undefined;
      }));
  }

  /** Takes the place of another one of the URL. Durable when it resolves; rejects with the errors of the system. */
  async add(pin: Pin): Promise<void> {
    const text = Buffer.from(JSON.stringify(pin));
    const name = nameOf(text);
    await this.#makeDirectory();
    const temporary = join(this.#directory, `${name}.${process.pid}.new`);
    await rm(temporary, { force: true });
    await writeFile(temporary, text, { flag: 'wx', mode: 0o600, flush: true });
    await rename(temporary, join(this.#directory, name));
    await this.#removeFiles(({ url }, other) => url === pin.url && other !== name);
    await syncDirectory(this.#directory);
    await this.#reread();
  }

  /** Resolves to those that there were. */
  async remove(isMeant: (pin: Pin) => boolean): Promise<readonly Pin[]> {
    const removed = this.all.filter(isMeant);
    if (removed.length === 0) return removed;
    await this.#removeFiles(isMeant);
    await syncDirectory(this.#directory);
    await this.#reread();
    return removed;
  }

  async #removeFiles(isMeant: (pin: Pin, name: string) => boolean): Promise<void> {
    for (const [name, pin] of this.#pins) {
      if (isMeant(pin, name)) await unlink(join(this.#directory, name)).catch(unlessMissing);
    }
  }

  async #makeDirectory(): Promise<void> {
    try {
      await mkdir(this.#directory, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }

  async #reread(): Promise<void> {
    await this.#refreshing;
    this.#seen = '';
    await this.refresh();
  }

  async #refresh(): Promise<void> {
    const seen = await this.#state();
    if (seen !== '' && seen === this.#seen) return;
    const found = new Map<string, Pin>();
    for (const name of seen === 'none' ? [] : await readdir(this.#directory)) {
      const pin = NAME.test(name) ? (this.#pins.get(name) ?? (await this.#read(name))) : undefined;
      if (pin !== undefined) found.set(name, pin);
      else if (name.endsWith('.new')) await this.#removeStale(name);
    }
    const isSame = found.size === this.#pins.size && [...found.keys()].every((name) => this.#pins.has(name));
    this.#seen = seen;
    if (isSame) return;
    this.#pins = found;
    this.#byUrl = new Map([...found.values()].map((pin) => [pin.url, pin]));
    this.epoch += 1;
  }

  /** Another text for another content; empty: it may change without another text. */
  async #state(): Promise<string> {
    try {
      const { mtimeNs, mtimeMs, ino } = await lstat(this.#directory, { bigint: true });
      return Date.now() - Number(mtimeMs) < SETTLED_MS ? '' : `${ino} ${mtimeNs}`;
    } catch (error) {
      unlessMissing(error);
      return 'none';
    }
  }

  async #read(name: string): Promise<Pin | undefined> {
    if (this.#damaged.has(name)) return undefined;
    try {
      const path = join(this.#directory, name);
      const text = await whileOpen(openOwn(path), (fd) => readBytes(fd, 0, MAX_PIN_BYTES));
      if (text === undefined) return undefined;
      if (nameOf(text) === name) return JSON.parse(text.toString()) as Pin;
      this.#warnings.warn('a pin is damaged, and is none', undefined, { pin: name });
    } catch (error) {
      this.#warnings.warn('cannot read a pin', error, { pin: name });
    }
    this.#damaged.add(name);
    return undefined;
  }

  async #removeStale(name: string): Promise<void> {
    try {
      const path = join(this.#directory, name);
      if (Date.now() - (await lstat(path)).mtimeMs > STALE_MS) await unlink(path);
    } catch (error) {
      unlessMissing(error);
    }
  }
}

function nameOf(text: Buffer): string {
  return `${hash('sha256', text, 'hex').slice(0, 32)}.pin`;
}

function unlessMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}
