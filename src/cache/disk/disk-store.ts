/**
 * The store: which versions are open, confirmed and dropped. One process of a user writes (`Writer`), others read the same files
 * and try to take over. Files are only removed whole, and the bytes at an offset never change: who has a file open reads right
 * bytes, or a miss.
 */
import type { VersionKey } from '../version-identity.js';
import { readNewest, readResource, writeConfirmation } from './confirmations.js';
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
import {
  filesBytes,
  geometryOf,
  nameOfSegment,
  nameOfUrl,
  nameOfVersion,
  versionOfSegment,
} from './layout.js';
import type { Evicted } from '../evicted.js';
import { UrlSet } from '../url-set.js';
import { urlOfResource } from './credential-scope.js';
import { chargeOf } from './catalog.js';
import { evictSegments } from './evict-segments.js';
import { OpenVersion } from './open-version.js';
import { listPins, pinUrls } from './pin-urls.js';
import { loadVersion } from './segment-loading.js';
import { segmentsOf } from './shard.js';
import { storeBlocks } from './store-blocks.js';
import { releaseWriter, type StoreContext, currentWriter } from './store-context.js';
import { VersionHandle } from './version-handle.js';
import { WriterLease } from './writer-lease.js';

/** A confirmation is written to disk at most this often for one version. */
const CONFIRM_EVERY_MS = 10_000;
/** As many as names have room for. */
const MAX_SEGMENTS = 1_000_000;

interface LoadedVersion {
  readonly version: OpenVersion;
  readonly loaded: Promise<void>;
}

export class DiskStore implements DiskCache {
  readonly #context: StoreContext;
  readonly #lease: WriterLease;
  /** By name; a dropped one until its files are removed. */
  readonly #versions = new Map<string, LoadedVersion>();
  readonly #dropping = new Map<string, Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(context: StoreContext) {
    this.#context = context;
    this.#lease = new WriterLease(context, this);
  }

  /** What the files allocate, those that are removed but still open here included. 0 in a process that only reads. */
  get usedBytes(): number {
    return this.#context.writer?.catalog.usedBytes ?? 0;
  }

  get report(): DiskReport {
    const { options, writer, corruptBlocks } = this.#context;
    return {
      directory: options.directory,
      limitBytes: options.limitBytes,
      usedBytes: writer?.catalog.usedBytes,
      freeBytes: writer?.catalog.freeBytes,
      pinnedBytes: writer?.catalog.pinned.bytes,
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
    return this.#context.writer?.catalog.mayHave(resource) !== false;
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
    await this.#dropping.get(name);
    if (this.#context.isClosing || !this.#isStorable(key, facts)) return undefined;
    const known = this.#versions.get(name);
    const { version, loaded } = known ?? this.#load(key, facts);
    if (version.facts.sizeBytes !== facts.sizeBytes) return undefined;
    if (onCorrupt !== undefined) version.onCorrupt = onCorrupt;
    version.retain();
    const handle = new VersionHandle(this.#context, version);
    await loaded;
    if (known !== undefined) await version.local?.verify();
    return handle;
  }

  #isStorable(key: VersionKey, { version, sizeBytes }: StoredFacts): boolean {
    if (!version.verifiable || version.id !== key.version) return false;
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return false;
    const { blockBytes, limitBytes } = this.#context.options;
    return geometryOf(sizeBytes, blockBytes, limitBytes).segmentCount <= MAX_SEGMENTS;
  }

  #load(key: VersionKey, facts: StoredFacts): LoadedVersion {
    const version = new OpenVersion(this.#context, key, facts, (unused) => this.#forget(unused));
    const loading = loadVersion(this.#context, version);
    // An empty version has no blocks that would bring its files into being.
    const loaded = facts.sizeBytes > 0 ? loading : loading.then(() => this.#storeEmpty(version));
    const entry = { version, loaded };
    this.#versions.set(version.name, entry);
    return entry;
  }

  async #storeEmpty(version: OpenVersion): Promise<void> {
    await storeBlocks(this.#context, version, 0, []);
    await version.local?.verify();
  }

  #forget(version: OpenVersion): void {
    if (this.#versions.get(version.name)?.version === version) this.#versions.delete(version.name);
  }

  async newest(url: string): Promise<ConfirmedFacts | undefined> {
    const { root, reads, warnings, isClosing, writer } = this.#context;
    const resource = this.#context.resourceOf(url);
    if (this.#dropping.size > 0) await Promise.all(this.#dropping.values());
    if (isClosing || resource === undefined || !this.#mayHave(resource)) return undefined;
    try {
      return await reads.run(async () => {
        const segments =
          writer?.catalog.segmentsOf(resource) ?? (await segmentsOf(root, nameOfUrl(resource)));
        return await readNewest(
          root,
          resource,
          segments,
          (name) => this.#context.confirmations.get(name)?.atMs,
          (error) => warnings.warn('cannot read an index file', error),
        );
      });
    } catch (error) {
      warnings.warn('cannot look for the versions of a URL', error);
      return undefined;
    }
  }

  confirm(given: VersionKey, facts: StoredFacts): void {
    const key = this.#storedKey(given);
    if (key === undefined || this.#context.isClosing || !this.#isStorable(key, facts)) return;
    const name = nameOfVersion(key);
    const now = Date.now();
    const writtenAtMs = this.#context.confirmations.get(name)?.writtenAtMs ?? 0;
    const isStored = this.#context.writer !== undefined && this.#mayHave(key.resource);
    const isDue = isStored && now - writtenAtMs >= CONFIRM_EVERY_MS;
    this.#context.confirmations.set(name, { atMs: now, writtenAtMs: isDue ? now : writtenAtMs });
    if (!isDue) return;
    const { blockBytes, limitBytes } = this.#context.options;
    const { segmentCount } = geometryOf(facts.sizeBytes, blockBytes, limitBytes);
    void this.#context.changes.run(() => this.#writeConfirmation(name, segmentCount, now));
  }

  async #writeConfirmation(versionName: string, segmentCount: number, atMs: number): Promise<void> {
    const { root, warnings, writer } = this.#context;
    if (writer === undefined || !(await writer.catalog.ready)) return;
    try {
      for (let segment = 0; segment < segmentCount; segment += 1) {
        const name = nameOfSegment(versionName, segment);
        if (writer.catalog.has(name))
          await writeConfirmation(root, name, atMs, writer.catalog.usedAtMs(name));
      }
    } catch (error) {
      warnings.warn('cannot note a confirmation', error);
    }
  }

  drop(given: VersionKey): void {
    const key = this.#storedKey(given);
    if (key === undefined) return;
    const name = nameOfVersion(key);
    const dropped = this.#versions.get(name)?.version;
    dropped?.drop();
    this.#context.confirmations.delete(name);
    if (this.#context.writer === undefined || this.#context.isClosing) {
      if (dropped !== undefined) this.#forget(dropped);
      return;
    }
    const removing = this.#context.changes
      .run(() => this.#removeVersion(key.resource, name))
      .finally(() => {
        if (dropped !== undefined) this.#forget(dropped);
        if (this.#dropping.get(name) === removing) this.#dropping.delete(name);
      });
    this.#dropping.set(name, removing);
  }

  async room(): Promise<DiskRoom | undefined> {
    await this.#lease.acquire();
    const { writer, isClosing, options, pins } = this.#context;
    if (writer === undefined || isClosing || !(await writer.catalog.ready)) return undefined;
    return {
      pinnedBytes: writer.catalog.pinned.bytes,
      isPinned: (url) => pins.of(url) !== undefined,
      capacityBytes: await writer.catalog.capacityBytes(),
      chargeOf: (sizeBytes) => chargeOf(filesBytes(sizeBytes, options.blockBytes), options.blockBytes),
    };
  }

  async evict(urls: UrlSet, isForced = true): Promise<Evicted | undefined> {
    const { writer, isClosing, pins } = this.#context;
    if (writer === undefined || isClosing) return undefined;
    await pins.refresh();
    return await evictSegments(this.#context, writer, urls, isForced);
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
    void writer?.catalog.pinned.markAll();
    return removed;
  }

  async listPins(): Promise<readonly PinReport[]> {
    return await listPins(this.#context);
  }

  pinOf(url: string): Pin | undefined {
    return this.#context.pins.of(url);
  }

  async urlOf(segment: string): Promise<string | undefined> {
    const { root, reads, warnings } = this.#context;
    try {
      const resource = await reads.run(() => readResource(root, segment));
      return resource === undefined ? undefined : urlOfResource(resource);
    } catch (error) {
      warnings.warn('cannot read an index file', error);
      return undefined;
    }
  }

  async #removeVersion(url: string, versionName: string): Promise<void> {
    const catalog = this.#context.writer?.catalog;
    await catalog?.ready;
    for (const name of catalog?.segmentsOf(url) ?? []) {
      if (versionOfSegment(name).versionName === versionName) await catalog?.remove(name);
    }
  }

  isHeld(segment: string): boolean {
    const { versionName, segment: number } = versionOfSegment(segment);
    const files = this.#versions.get(versionName)?.version.segments.get(number)?.files;
    return files !== undefined && files.data.holders > 0;
  }

  async detach(segment: string): Promise<void> {
    this.#context.sync.delete(segment);
    const { versionName, segment: number } = versionOfSegment(segment);
    await this.#versions.get(versionName)?.version.detach(number);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const { changes, checks, descriptors, sync } = this.#context;
    this.#context.isClosing = true;
    await this.#lease.idle();
    await changes.idle();
    await checks.idle();
    await changes.idle();
    await sync.stop();
    // Of a store that was removed there is nothing to make durable.
    this.#context.writer?.lock.doubt();
    const writer = await currentWriter(this.#context);
    if (writer !== undefined) {
      await writer.catalog.writeTimesOfUse();
      await sync.syncAll();
      await releaseWriter(this.#context, writer);
    }
    await descriptors.closeIdle();
  }
}
