import { constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { codeOf } from '../../error-code.js';
import { loadSyscalls, type Syscalls } from '../../native/posix.js';
import { Catalog, type OpenEntry } from './catalog.js';
import { urlOfResource } from './credential-scope.js';
import { prepareDirectory } from './directory.js';
import { close, fstat, open } from './file-io.js';
import { LOCK_NAME } from './layout.js';
import { adoptOldPins, removeOldLayout } from './old-layout.js';
import { readIndexHeader } from './read-index.js';
import { Space } from './space.js';
import type { StoreContext, Writer } from './store-context.js';

const TRY_EVERY_MS = 3_000;
const CHECK_EVERY_MS = 2_000;

/** Makes this process the writer as soon as no other one is. */
export class WriterLease {
  readonly #context: StoreContext;
  readonly #open: ReadonlyMap<string, OpenEntry>;
  #trying: Promise<void> | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: StoreContext, open: ReadonlyMap<string, OpenEntry>) {
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
    const { options, root, warnings, pins, thread, inFlight } = this.#context;
    try {
      if ((await prepareDirectory(options.directory)) !== root)
        throw new Error(`${root} is another directory now`);
      const syscalls = await loadSyscalls();
      const fd = await tryLock(join(root, LOCK_NAME), syscalls);
      if (fd === undefined) return;
      // That of a store that is being closed would outlive it.
      if (this.#context.isClosing) return await close(fd);
      await adoptOldPins(root, warnings);
      const { limitBytes, reserveBytes, blockBytes } = options;
      const space = new Space({ directory: root, limitBytes, reserveBytes, warnings });
      const urlOf = (name: string): Promise<string | undefined> => this.#urlOf(name);
      const catalog = new Catalog({
        root,
        blockBytes,
        space,
        pins,
        warnings,
        thread,
        open: this.#open,
        urlOf,
      });
      const writer = { catalog, fd, syscalls, checkedAtMs: performance.now() };
      this.#context.writer = writer;
      const begun = this.#begin(writer).finally(() => inFlight.delete(begun));
      inFlight.add(begun);
    } catch (error) {
      warnings.warn('cannot write, only read', error);
    }
  }

  async #urlOf(name: string): Promise<string | undefined> {
    const index = await this.#context.reads.run(() => readIndexHeader(this.#context, name));
    return index && urlOfResource(index.header.url);
  }

  async #begin(writer: Writer): Promise<void> {
    if (!(await writer.catalog.ready)) return await releaseWriter(this.#context, writer);
    // The limit may be lower than it was.
    await writer.catalog.makeRoom(0);
    await removeOldLayout(this.#context, (path) => tryLock(path, writer.syscalls));
  }
}

/** The writer, unless its directory was removed: then others may have locked a new file, and this process is not it any more. */
export async function currentWriter(context: StoreContext): Promise<Writer | undefined> {
  const { writer, root, warnings } = context;
  if (writer === undefined || performance.now() - writer.checkedAtMs < CHECK_EVERY_MS) return writer;
  writer.checkedAtMs = performance.now();
  try {
    if (await isAt(join(root, LOCK_NAME), writer.fd)) return writer;
  } catch (error) {
    warnings.warn('cannot look at the lock', error);
    return undefined;
  }
  warnings.warn('the directory was removed');
  await releaseWriter(context, writer);
  return undefined;
}

/** The next `currentWriter` looks. */
export function doubt(writer: Writer): void {
  writer.checkedAtMs = Number.NEGATIVE_INFINITY;
}

export async function releaseWriter(context: StoreContext, writer: Writer): Promise<void> {
  if (context.writer !== writer) return;
  context.writer = undefined;
  writer.catalog.abandon();
  await close(writer.fd);
}

/** Undefined: another process holds it. Rejects if the file cannot be opened, or koffi not loaded. */
async function tryLock(path: string, syscalls: Syscalls): Promise<number | undefined> {
  const fd = await openLock(path);
  try {
    // The path may have got another file between open and lock.
    if (syscalls.tryLock(fd) && (await isAt(path, fd))) return fd;
  } catch (error) {
    await close(fd);
    throw error;
  }
  await close(fd);
  return undefined;
}

/** A directory that has its name can be locked as well. */
async function openLock(path: string): Promise<number> {
  const flags = constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return await open(path, flags | constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    if (codeOf(error) !== 'EISDIR') throw error;
    return await open(path, flags | constants.O_RDONLY);
  }
}

/** Whether the descriptor is of the file at the path. */
async function isAt(path: string, fd: number): Promise<boolean> {
  try {
    return (await stat(path, { bigint: true })).ino === (await fstat(fd)).ino;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}
