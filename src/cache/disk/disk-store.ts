/**
 * The store: which entries are open, confirmed and dropped. One process of a user writes (`Writer`), others read the same files
 * and try to take over. The bytes at an offset never change; a file is removed whole, or, where it can never be complete, freed in
 * parts: who has a file open reads right bytes, or a miss.
 */
import type { Evicted } from '../evicted.js';
import { UrlSet } from '../url-set.js';
import type { VersionKey } from '../version-identity.js';
import type {
  ConfirmedFacts,
  DiskCache,
  DiskReport,
  DiskRoom,
  Pin,
  PinReport,
  StoredFacts,
  StoredVersion,
} from './disk-cache.js';
import { EntryHandle } from './entry-handle.js';
import { evictUrls } from './evict-urls.js';
import { chargeOf, filesBytes } from './geometry.js';
import { entriesOf, nameOfUrl, nameOfVersion } from './layout.js';
import { listPins, pinUrls } from './pin-urls.js';
import { confirmEntry, readIndexHeader } from './read-index.js';
import type { StoreContext, Writer } from './store-context.js';
import { StoredEntry } from './stored-entry.js';
import { currentWriter, doubt, releaseWriter, WriterLease } from './writer-lease.js';

/** What an index file may take of memory while a version is open: 5 bytes for each block. */
const MAX_BLOCKS = 2 ** 28;

export class DiskStore implements DiskCache {
  readonly #context: StoreContext;
  readonly #lease: WriterLease;
  /** By name; a dropped one until its files are removed. */
  readonly #entries = new Map<string, StoredEntry>();
  readonly #confirming = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#lease = new WriterLease(context, this.#entries);
  }

  /** What the files allocate, those that are removed but still open here included. 0 in a process that only reads. */
  get usedBytes(): number {
    return this.report.usedBytes ?? 0;
  }

  get report(): DiskReport {
    const { options, writer, corruptBlocks } = this.#context;
    return {
      directory: options.directory,
      limitBytes: options.limitBytes,
      usedBytes: writer?.catalog.space.usedBytes,
      freeBytes: writer?.catalog.space.freeBytes,
      pinnedBytes: writer?.catalog.pinnedBytes,
      evictedBytes: writer?.catalog.evictedBytes ?? 0,
      corruptBlocks,
    };
  }

  /** Becomes the writer, if there is none. Never rejects. */
  start(): Promise<void> {
    return this.#lease.acquire();
  }

  mayHave(url: string): boolean {
    const resource = this.#context.resourceOf(url);
    return resource !== undefined && this.#mayHave(resource);
  }

  #mayHave(resource: string): boolean {
    return this.#context.writer?.catalog.entriesOf(resource)?.length !== 0;
  }

  /** With the name of the resource in the store. */
  #storedKey({ resource, version }: VersionKey): VersionKey | undefined {
    const name = this.#context.resourceOf(resource);
    return name === undefined ? undefined : { resource: name, version };
  }

  async open(
    given: VersionKey,
    facts: StoredFacts,
    onCorrupt?: (found: string) => void,
  ): Promise<StoredVersion | undefined> {
    await this.#lease.acquire();
    const key = this.#storedKey(given);
    if (key === undefined) return undefined;
    const name = nameOfVersion(key);
    await this.#context.writer?.catalog.removing.get(name);
    if (this.#context.isClosing || !this.#isStorable(key, facts)) return undefined;
    const known = this.#entries.get(name);
    const entry = known ?? new StoredEntry(this.#context, key, facts, (unused) => this.#forget(unused));
    this.#entries.set(name, entry);
    if (entry.facts.sizeBytes !== facts.sizeBytes) return undefined;
    if (onCorrupt !== undefined) entry.onCorrupt = onCorrupt;
    entry.retain();
    const handle = new EntryHandle(this.#context, entry);
    await entry.loaded;
    if (known !== undefined) await entry.copy.verify();
    return handle;
  }

  #isStorable(key: VersionKey, { version, sizeBytes }: StoredFacts): boolean {
    if (!version.verifiable || version.id !== key.version) return false;
    return (
      Number.isSafeInteger(sizeBytes) &&
      sizeBytes >= 0 &&
      sizeBytes <= MAX_BLOCKS * this.#context.options.blockBytes
    );
  }

  #forget(entry: StoredEntry): void {
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name);
  }

  async newest(url: string): Promise<ConfirmedFacts | undefined> {
    const { root, reads, warnings, isClosing, writer } = this.#context;
    const resource = this.#context.resourceOf(url);
    if (isClosing || resource === undefined) return undefined;
    // Not what is removed of others: that may wait behind a long write.
    if (writer !== undefined && writer.catalog.removing.size > 0) await this.#whenRemoved(writer, resource);
    if (!this.#mayHave(resource)) return undefined;
    await Promise.all(this.#confirming);
    try {
      return await reads.run(async () => {
        const names = writer?.catalog.entriesOf(resource) ?? (await entriesOf(root, nameOfUrl(resource)));
        let newest: ConfirmedFacts | undefined;
        for (const name of names) {
          const index = await readIndexHeader(this.#context, name);
          if (index?.header.url !== resource) continue;
          const { confirmedAtMs } = index;
          if (newest === undefined || confirmedAtMs > newest.confirmedAtMs)
            newest = { facts: index.header.facts, confirmedAtMs };
        }
        return newest;
      });
    } catch (error) {
      warnings.warn('cannot look for the versions of a URL', error);
      return undefined;
    }
  }

  async #whenRemoved({ catalog }: Writer, resource: string): Promise<void> {
    const prefix = nameOfUrl(resource);
    for (const [name, removed] of catalog.removing) if (name.startsWith(prefix)) await removed;
  }

  confirm(given: VersionKey, facts: StoredFacts): void {
    const key = this.#storedKey(given);
    if (key === undefined || this.#context.isClosing || !this.#isStorable(key, facts)) return;
    const name = nameOfVersion(key);
    if (this.#context.writer?.catalog.isMissing(name) === true) return;
    const { root, reads, warnings } = this.#context;
    const confirming = reads
      .run(() => confirmEntry(root, name))
      .catch((error: unknown) => warnings.warn('cannot note a confirmation', error))
      .finally(() => this.#confirming.delete(confirming));
    this.#confirming.add(confirming);
  }

  drop(given: VersionKey): void {
    const key = this.#storedKey(given);
    if (key === undefined) return;
    const { writer, isClosing } = this.#context;
    const name = nameOfVersion(key);
    const dropped = this.#entries.get(name);
    dropped?.drop();
    const isStored = writer !== undefined && !isClosing && !writer.catalog.isMissing(name);
    const removing = isStored ? writer.catalog.remove(name) : undefined;
    if (dropped === undefined) return;
    if (removing === undefined) this.#forget(dropped);
    else void removing.finally(() => this.#forget(dropped));
  }

  async room(): Promise<DiskRoom | undefined> {
    await this.#lease.acquire();
    const { writer, isClosing, options, pins } = this.#context;
    if (writer === undefined || isClosing || !(await writer.catalog.ready)) return undefined;
    const { space, pinnedBytes } = writer.catalog;
    await space.refresh();
    return {
      pinnedBytes,
      isPinned: (url) => pins.of(url) !== undefined,
      capacityBytes: space.capacityBytes,
      chargeOf: (sizeBytes) => chargeOf(filesBytes(sizeBytes, options.blockBytes), options.blockBytes),
    };
  }

  async evict(urls: UrlSet, isForced = true): Promise<Evicted | undefined> {
    const { writer, isClosing } = this.#context;
    if (writer === undefined || isClosing) return undefined;
    return await evictUrls(this.#context, writer, urls, isForced);
  }

  async pin(pins: readonly Pin[]): Promise<readonly PinReport[]> {
    await this.#lease.acquire();
    return await pinUrls(this.#context, pins);
  }

  async unpin(urls: readonly string[], isRecursive: boolean): Promise<readonly Pin[]> {
    const { pins, writer } = this.#context;
    const meant = new UrlSet(urls);
    await pins.refresh();
    const removed = await pins.remove(({ url }) => (isRecursive ? meant.has(url) : urls.includes(url)));
    void writer?.catalog.refreshPins();
    return removed;
  }

  async listPins(): Promise<readonly PinReport[]> {
    return await listPins(this.#context);
  }

  pinOf(url: string): Pin | undefined {
    return this.#context.pins.of(url);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const { thread, warnings, inFlight } = this.#context;
    this.#context.isClosing = true;
    for (const entry of this.#entries.values()) entry.copy.cancel();
    await this.#lease.idle();
    // Nothing was changed yet.
    if (this.#context.writer?.catalog.isScanned === false) this.#context.writer.catalog.abandon();
    await Promise.all(this.#confirming);
    while (inFlight.size > 0) await Promise.allSettled(inFlight);
    await thread.idle();
    // Of a store that was removed there is nothing to make durable.
    if (this.#context.writer !== undefined) doubt(this.#context.writer);
    const writer = await currentWriter(this.#context);
    try {
      if (writer !== undefined) {
        await writer.catalog.writeTimesOfUse();
        if (!(await thread.run('close'))) await writer.syscalls.syncFileSystem(writer.fd);
      }
    } catch (error) {
      warnings.warn('cannot make the store durable', error);
    }
    if (writer !== undefined) await releaseWriter(this.#context, writer);
    thread.close();
    const files = [...this.#entries.values()].map(({ copy }) => copy.file);
    await Promise.all(files.filter(({ isHeld }) => !isHeld).map((file) => file.retire()));
  }
}
