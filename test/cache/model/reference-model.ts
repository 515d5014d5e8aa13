import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import { listAll } from '../../support/list-all.js';
import { Random } from '../../support/random.js';
import { BLOCK_BYTES, CacheRun } from './cache-run.js';
import { codeOf, Expectations } from './expectations.js';
import { MemoryWatch } from './memory-watch.js';
import { ModelError, ModelHandle } from './model-handle.js';
import { until, untilSettled } from './patience.js';
import { randomFile, randomSize } from './random-file.js';
import type { SimulatedFile } from './simulated-file.js';
import { SimulatedSource } from './simulated-source.js';

const MAX_HANDLES = 12;
const STEPS = {
  read: 60,
  open: 12,
  close: 8,
  calm: 3,
  storm: 3,
  tick: 4,
  change: 3,
  remove: 1,
  query: 5,
  settle: 2,
  remount: 1.2,
} as const;

/** What was done in a run, for its log. */
export interface Tally {
  reads: number;
  bytes: number;
  failures: number;
  opens: number;
  remounts: number;
  changes: number;
  offline: number;
  localCopies: number;
}

/**
 * Random use of a cache over a source with faults. Everything that the cache returns is compared with the
 * truth, and every failure must have a cause that the source, or the reader himself, has given.
 */
export class ReferenceModel {
  readonly tally: Tally = {
    reads: 0,
    bytes: 0,
    failures: 0,
    opens: 0,
    remounts: 0,
    changes: 0,
    offline: 0,
    localCopies: 0,
  };
  /** The last steps, as words. */
  readonly trace: string[] = [];
  readonly #random: Random;
  readonly #source: SimulatedSource;
  readonly #run: CacheRun;
  readonly #expected: Expectations;
  readonly #watch = new MemoryWatch();
  readonly #memoryBytes: number;
  readonly #handles = new Set<ModelHandle>();
  readonly #diskBytes: number;
  #nowMs = Date.now();
  /** Files of the store were spoilt: some of it may not have been noticed. */
  #isDamaged = false;

  constructor(seed: number, directory: string) {
    this.#random = new Random(seed);
    const random = this.#random;
    const memoryBytes = random.pick([6, 16, 40]) * BLOCK_BYTES;
    this.#diskBytes = random.pick([0, 400_000, 1_000_000, 8_000_000]);
    const files = Array.from({ length: 7 }, (_, i) => randomFile(i, random));
    this.#source = new SimulatedSource(files, new Random(seed + 1), () => this.#nowMs);
    this.#memoryBytes = memoryBytes;
    this.#run = new CacheRun({
      memoryBytes,
      diskBytes: this.#diskBytes,
      client: this.#source,
      now: () => this.#nowMs,
      directory,
    });
    this.#expected = new Expectations(this.#source, this.#run);
  }

  async run(steps: number): Promise<void> {
    try {
      await this.#run.mount(false);
      this.#watch.watch(this.#run.cache);
      for (let step = 0; step < steps; step += 1) {
        const kind = this.#random.weighted(STEPS);
        this.#note(`${step} ${kind}`);
        await nextTurn();
        this.#source.beginStep();
        await this.#step(kind);
        this.#checkLimits();
      }
      await this.#remount();
      this.#note('the end');
    } finally {
      for (const handle of this.#handles) handle.open.close();
      this.#source.releaseHanging();
      await this.#run.unmount();
    }
  }

  #note(words: string): void {
    this.trace.push(words);
    if (this.trace.length > 60) this.trace.shift();
  }

  async #step(kind: keyof typeof STEPS): Promise<void> {
    const random = this.#random;
    switch (kind) {
      case 'read':
        return await this.#burst();
      case 'open':
        return await this.#whileUnstuck([this.#open()]);
      case 'close':
        return this.#close();
      case 'calm':
        this.#source.faultRate = 0;
        return;
      case 'storm':
        this.#source.faultRate = random.pick([0.1, 0.3, 0.8]);
        return;
      case 'tick':
        this.#nowMs += random.pick([1_000, 6_000, 61_000, 700_000]);
        return;
      case 'change':
      case 'remove':
        return this.#change(kind === 'remove');
      case 'query':
        return await this.#whileUnstuck([this.#query()]);
      case 'settle':
        return await this.#settle();
      case 'remount':
        return await this.#remount();
    }
  }

  /** Some reads at once, some of which give up; in the middle of it the source may change. */
  async #burst(): Promise<void> {
    const random = this.#random;
    const handles = [...this.#handles];
    if (handles.length === 0) return await this.#whileUnstuck([this.#open()]);
    const few = random.chance(0.5) ? [random.pick(handles)] : handles;
    const works: Promise<unknown>[] = Array.from({ length: random.between(1, 6) }, () =>
      this.#read(random.pick(few)),
    );
    if (random.chance(0.15)) works.push(this.#open());
    if (random.chance(0.05)) works.push(nextTurn().then(() => this.#change(random.chance(0.3))));
    await this.#whileUnstuck(works);
  }

  async #read(handle: ModelHandle): Promise<void> {
    const random = this.#random;
    const next = handle.next(random);
    const { offset } = next;
    const length = Math.min(next.length, this.#longestBytes);
    const controller = new AbortController();
    const turnsToAbort = random.chance(0.15) ? random.below(5) : undefined;
    this.#note(
      `  read ${handle.file.name} v${handle.versionNumbers.join()} ${offset} +${length} ${turnsToAbort ?? ''}`,
    );
    if (turnsToAbort !== undefined) void abortAfter(controller, turnsToAbort);
    this.tally.reads += 1;
    try {
      const bytes = await handle.open.read(offset, length, (pieces) => Buffer.concat(pieces), controller);
      handle.check(offset, length, bytes);
      this.tally.bytes += bytes.length;
    } catch (error) {
      if (error instanceof ModelError) throw error;
      this.tally.failures += 1;
      this.#expected.checkFailure(handle, error, controller.signal.aborted);
    }
  }

  async #open(file = this.#random.pick(this.#source.files)): Promise<ModelHandle | undefined> {
    if (this.#handles.size >= MAX_HANDLES) return undefined;
    this.tally.opens += 1;
    const isAborted = this.#random.chance(0.05);
    const controller = new AbortController();
    if (isAborted) void abortAfter(controller, this.#random.below(3));
    try {
      const open = await this.#run.cache.open(file.url, { signal: controller.signal });
      const handle = new ModelHandle(file, open, this.#random);
      this.#note(`  open ${file.name} v${handle.versionNumbers.join()}`);
      this.#handles.add(handle);
      this.#expected.checkFresh(handle);
      if (open.localFd !== undefined) this.tally.localCopies += 1;
      handle.checkLocalCopy();
      return handle;
    } catch (error) {
      if (error instanceof ModelError) throw error;
      this.#note(`  open ${file.name} ${codeOf(error) ?? String(error)}`);
      this.#expected.checkMetadataFailure(file, error, controller.signal.aborted);
      return undefined;
    }
  }

  #close(): void {
    const handles = [...this.#handles];
    if (handles.length === 0) return;
    const closing = this.#random.chance(0.1) ? handles : [this.#random.pick(handles)];
    for (const handle of closing) {
      handle.open.close();
      this.#handles.delete(handle);
    }
  }

  #change(isRemoval: boolean): void {
    const file = this.#random.pick(this.#source.files);
    // Its readers could not detect it.
    const isRead = [...this.#handles].some((handle) => handle.file === file);
    if (file.traits.validator === 'none' && isRead) return;
    this.#note(`  change ${file.name} ${isRemoval}`);
    this.tally.changes += 1;
    if (isRemoval) file.isMissing = true;
    else file.change(this.#random.chance(0.3) ? file.current.bytes.length : randomSize(this.#random));
  }

  /** What else is called of a resource. */
  async #query(): Promise<void> {
    const file = this.#random.pick(this.#source.files);
    if (this.#random.chance(0.5)) {
      this.#note('  list');
      await listAll(this.#run.cache, 'test://host').catch(() => this.#note('  not listed'));
    }
    try {
      if (this.#random.chance(0.3)) await this.#run.cache.cachedBytes(file.url);
      const stat = await this.#run.cache.stat(file.url);
      if (stat.kind !== 'file') throw new ModelError('a file is a directory');
      const isSize = file.versions.some(({ bytes }) => bytes.length === stat.size);
      if (stat.size !== undefined && !isSize) throw new ModelError(`the size is ${stat.size}`);
    } catch (error) {
      if (error instanceof ModelError) throw error;
      this.#expected.checkMetadataFailure(file, error, false);
    }
  }

  /** Waits for what is under way by itself: after that nothing of it may be left. */
  async #settle(): Promise<void> {
    if (this.#random.chance(0.5)) {
      for (const handle of this.#handles) handle.open.close();
      this.#handles.clear();
    }
    await until(this.#source, () => this.#source.rangedCount === 0, 'requests are still under way');
    await until(this.#source, () => this.#watch.committedBytes === 0, 'memory is still committed');
  }

  async #remount(): Promise<void> {
    const random = this.#random;
    for (const handle of this.#handles) if (random.chance(0.5)) handle.open.close();
    const isLoss = random.chance(0.3);
    if (isLoss) await this.#run.losePower();
    else await this.#run.unmount();
    for (const handle of this.#handles) handle.open.close();
    this.#handles.clear();
    await until(this.#source, () => this.#source.activeCount === 0, 'requests outlive the mount');
    await until(this.#source, () => this.#watch.committedBytes === 0, 'memory outlives the mount');
    const damage = random.chance(0.5) ? await this.#run.damage(random) : 'no damage';
    this.#isDamaged ||= damage !== 'no damage';
    this.#nowMs = Date.now();
    for (const file of this.#source.files) file.restart(isLoss);
    const isOffline = !this.#run.isOffline && random.chance(0.3);
    this.#note(`  remount: loss ${isLoss}, ${damage}, offline ${isOffline}`);
    await this.#run.mount(isOffline);
    this.#watch.watch(this.#run.cache);
    this.tally.remounts += 1;
    // Damage, and a copy whose holes were filled, take space that no store has given. It is seen a little later.
    if (isLoss || damage !== 'no damage') await sleep(30);
    await until(
      this.#source,
      () => this.#run.diskBytes <= this.#diskBytes,
      'the files on disk stay too large',
    );
    if (!isOffline) return;
    this.tally.offline += 1;
    for (const file of this.#source.files) await this.#readOffline(file);
  }

  /** A file that is cached as a whole can be read without the source, unless it was damaged, which may not have been detected yet. */
  async #readOffline(file: SimulatedFile): Promise<void> {
    const handle = await this.#open(file);
    const size = handle?.open.size;
    if (handle === undefined || size === undefined || this.#isDamaged) return;
    if ((await this.#run.cache.cachedBytes(file.url)) < size) return;
    const length = Math.min(50_000, this.#longestBytes);
    for (let at = 0; at < size; at += length) {
      const bytes = await handle.open.read(at, length, (pieces) => Buffer.concat(pieces));
      handle.check(at, length, bytes);
    }
  }

  /** No read is longer than the memory, wherever it begins. */
  get #longestBytes(): number {
    return this.#memoryBytes - BLOCK_BYTES;
  }

  #whileUnstuck(works: readonly Promise<unknown>[]): Promise<void> {
    return untilSettled(this.#source, works);
  }

  #checkLimits(): void {
    const { excessBytes } = this.#watch;
    if (excessBytes > 0)
      throw new ModelError(`${excessBytes} bytes of memory more than the limit were in use`);
    const { diskBytes } = this.#run;
    if (diskBytes > this.#diskBytes) throw new ModelError(`the files on disk take ${diskBytes} bytes`);
  }
}

async function abortAfter(controller: AbortController, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await nextTurn();
  controller.abort();
}
