import { dirname, join } from 'node:path';

import { Catalog } from './catalog.js';
import { prepareDirectory } from './directory.js';
import { LOCK_NAME } from './layout.js';
import { removeOldLayout } from './old-layout.js';
import { Space } from './space.js';
import { resign, type StoreContext } from './store-context.js';
import { StoreLock } from './store-lock.js';

const TAKE_OVER_EVERY_MS = 3_000;

export interface SegmentUse {
  /** The descriptor of the segment's data was handed out. */
  isHeld(name: string): boolean;
  /** The segment is being removed. Resolves when its descriptors are closed. */
  detach(name: string): Promise<void>;
}

/** Makes this process the writer as soon as no other one is. */
export class WriterRole {
  readonly #context: StoreContext;
  readonly #use: SegmentUse;
  #trying: Promise<void> | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: StoreContext, use: SegmentUse) {
    this.#context = context;
    this.#use = use;
  }

  /** Tries every few seconds while this process is not the writer. Never rejects. */
  async take(): Promise<void> {
    if (this.#context.writer !== undefined || this.#context.isClosing) return;
    if (this.#trying === undefined && performance.now() - this.#triedAtMs < TAKE_OVER_EVERY_MS) return;
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
    const { options, root, trouble } = this.#context;
    try {
      if ((await prepareDirectory(options.directory)) !== root)
        throw new Error(`${root} is another directory now`);
      const lock = await StoreLock.tryAcquire(join(root, LOCK_NAME));
      if (lock === undefined) return;
      // That of a store that is being closed would outlive it.
      if (this.#context.isClosing) return await lock.release();
      const { limitBytes, reserveBytes, blockBytes } = options;
      const space = new Space({ directory: root, limitBytes, reserveBytes, trouble });
      const catalog = new Catalog({ root, blockBytes, space, trouble, ...this.#hooks() });
      const writer = { lock, catalog };
      this.#context.writer = writer;
      // The limit may be lower than it was.
      void this.#context.changes.run(async () => {
        if (await catalog.ready) await catalog.makeRoom(0);
        else await resign(this.#context, writer);
      });
      void this.#context.checks.run(() => this.#removeOldLayout());
    } catch (error) {
      trouble.note('cannot write, only read', error);
    }
  }

  async #removeOldLayout(): Promise<void> {
    const { root, trouble } = this.#context;
    try {
      await removeOldLayout(dirname(root), () => !this.#context.isClosing);
    } catch (error) {
      trouble.note('cannot remove what an earlier version stored', error);
    }
  }

  #hooks(): SegmentUse {
    return { isHeld: (name) => this.#use.isHeld(name), detach: (name) => this.#use.detach(name) };
  }
}
