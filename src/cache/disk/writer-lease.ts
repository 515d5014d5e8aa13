import { join } from 'node:path';

import { Catalog, type OpenEntries } from './catalog.js';
import { prepareDirectory } from './directory.js';
import { LOCK_NAME } from './layout.js';
import { Space } from './space.js';
import { releaseWriter, type StoreContext, type Writer } from './store-context.js';
import { StoreLock } from './store-lock.js';

const TRY_EVERY_MS = 3_000;

/** Makes this process the writer as soon as no other one is. */
export class WriterLease {
  readonly #context: StoreContext;
  readonly #open: OpenEntries;
  #trying: Promise<void> | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: StoreContext, open: OpenEntries) {
    this.#context = context;
    this.#open = open;
  }

  /** Tries every few seconds while this process is not the writer. Never rejects. */
  async acquire(): Promise<void> {
    if (this.#context.writer !== undefined || this.#context.isClosing) return;
    if (this.#trying === undefined && performance.now() - this.#triedAtMs < TRY_EVERY_MS) return;
    this.#triedAtMs = performance.now();
    await (this.#trying ??= this.#try().finally(() => {
      this.#trying = undefined;
    }));
  }

  /** Resolves when it is not just trying. */
  async idle(): Promise<void> {
    await this.#trying;
  }

  async #try(): Promise<void> {
    const { options, root, warnings, pins, thread } = this.#context;
    try {
      if ((await prepareDirectory(options.directory)) !== root)
        throw new Error(`${root} is another directory now`);
      const lock = await StoreLock.tryAcquire(join(root, LOCK_NAME));
      if (lock === undefined) return;
      // That of a store that is being closed would outlive it.
      if (this.#context.isClosing) return await lock.release();
      const { limitBytes, reserveBytes, blockBytes } = options;
      const space = new Space({ directory: root, limitBytes, reserveBytes, warnings });
      const catalog = new Catalog({ root, blockBytes, space, pins, warnings, thread, open: this.#open });
      this.#context.writer = { lock, catalog };
      const { inFlight } = this.#context;
      const begun = this.#begin(this.#context.writer).finally(() => inFlight.delete(begun));
      inFlight.add(begun);
    } catch (error) {
      warnings.warn('cannot write, only read', error);
    }
  }

  async #begin(writer: Writer): Promise<void> {
    if (!(await writer.catalog.ready)) {
      if (this.#context.writer === writer) await releaseWriter(this.#context, writer);
      return;
    }
    // The limit may be lower than it was.
    await writer.catalog.makeRoom(0);
  }
}
