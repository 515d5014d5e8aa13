import type { MetadataBudget } from '../memory/metadata-budget.js';
import { type CompleteClient, type CorruptError, Request, type Response, withUid } from '../source/index.js';
import type { BlockPool } from './blocks/block-pool.js';
import { MemoryShares } from './blocks/memory-shares.js';
import { VersionBlocks } from './blocks/version-blocks.js';
import type { Peers } from './download/peer-source.js';
import type { Evicted } from './evicted.js';
import type { FileMetadata } from './file-metadata.js';
import type { StoredVersions } from './stored-versions.js';
import { Version } from './version.js';
import { mapKeyOf, type VersionIdentity } from './version-identity.js';

export interface VersionReadersContext {
  readonly memory: BlockPool;
  readonly budget: MetadataBudget;
  readonly stored: StoredVersions;
  readonly probeBytes: number;
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  readonly peers: Peers | undefined;
  readonly onSize: (url: string, version: VersionIdentity, size: number) => void;
  /** A reader found that the source has another version by now. */
  readonly onChanged: (url: string, file: FileMetadata) => void;
  /** All bytes of a version came, and do not have the digest that the source gives. */
  readonly onCorrupt: (url: string, file: FileMetadata, error: CorruptError) => void;
  /**
   * The next handle must not trust the metadata of the version: it is indistinguishable from the next one, or has no
   * ranges, other than the metadata says.
   */
  readonly mustProbe: (url: string, version: VersionIdentity) => void;
}

/** Bodies of probes that wait for an open: the oldest is cancelled when there are more. */
const MAX_PARKED = 16;

/** The versions that are read, each by one reader for all handles, and the blocks of those that were. */
export class VersionReaders {
  readonly #context: VersionReadersContext;
  readonly #blocks = new Map<string, VersionBlocks>();
  readonly #readers = new Map<string, Version>();
  /** Those of handles whose client serves no new handle. */
  readonly #detached = new Set<Version>();
  readonly #shares = new MemoryShares();

  constructor(context: VersionReadersContext) {
    this.#context = context;
  }

  /** The reader of a version. It is forgotten when nothing is open and nothing in flight. */
  of(url: string, file: FileMetadata): Version {
    const key = mapKeyOf({ resource: url, version: file.version.id });
    return this.#readers.get(key) ?? this.#add(key, url, file);
  }

  /** Bytes of the version that are in memory, or known to be on disk. */
  cachedBytes(url: string, version: VersionIdentity): number {
    const key = mapKeyOf({ resource: url, version: version.id });
    return this.#readers.get(key)?.cachedBytes ?? this.#blocks.get(key)?.cachedBytes ?? 0;
  }

  /** Takes over the body of a probe. */
  takeProbe(url: string, file: FileMetadata, response: Response): void {
    const reader = this.of(url, file);
    reader.fill(response);
    // Nothing of it was taken: no event will report that it is unused.
    if (reader.isIdle) this.#forget(reader);
    const parked = [...this.#readers.values()].filter((other) => other.isParked);
    for (const oldest of parked.slice(0, -MAX_PARKED)) oldest.close();
  }

  /** Another client answers for URLs that begin so: nothing of them is shared with later handles. */
  detach(prefix: string): void {
    for (const [key, blocks] of this.#blocks) if (key.startsWith(prefix)) this.#detach(key, blocks);
  }

  /** Removes the blocks of these URLs from memory; those that are needed now when they are needed no more. */
  evict(isMeant: (url: string) => boolean): Evicted {
    let [files, bytes] = [0, 0];
    for (const blocks of this.#blocks.values()) {
      const { cachedBytes } = blocks;
      if (cachedBytes === 0 || !isMeant(blocks.key.resource)) continue;
      files += 1;
      bytes += cachedBytes;
      blocks.drop();
    }
    return { files, bytes };
  }

  #detach(key: string, blocks: VersionBlocks): void {
    this.#blocks.delete(key);
    const reader = this.#readers.get(key);
    if (reader === undefined) {
      blocks.drop();
      return;
    }
    this.#context.stored.drop(blocks.key.resource, reader.file);
    this.#readers.delete(key);
    this.#detached.add(reader);
    if (reader.isParked) reader.close();
  }

  close(): void {
    for (const reader of [...this.#readers.values(), ...this.#detached]) reader.close();
  }

  #add(key: string, url: string, file: FileMetadata): Version {
    const { stored, probeBytes, clientFor, peers, onSize, onChanged, onCorrupt, mustProbe } = this.#context;
    // Taken once, by the first download: what is read of a version comes from one client.
    let client: CompleteClient | undefined;
    const mode = peers?.modeFor(url, file.version.validators);
    const reader = new Version(file, {
      blocks: this.#blocksOf(key, url, file.version),
      shares: this.#shares,
      probeBytes,
      isStored: stored.disk !== undefined && file.version.verifiable,
      download: async (range, promotion, signal) => {
        client ??= await clientFor(url);
        const priority = promotion?.isPromoted === false ? 'background' : 'foreground';
        const pin = file.version.validators;
        const response = await client.download(
          new Request(url, {
            pin,
            signal: withUid(signal, reader.uid),
            priority,
            ...(range === undefined ? {} : { range }),
            ...(promotion === undefined ? {} : { promotion }),
          }),
        );
        // The range was ignored: the next handle is to read by one download from the start.
        if (range !== undefined && range.start > 0 && response.offset === 0) mustProbe(url, file.version);
        return response;
      },
      peers: mode && {
        mode,
        stallMs: peers?.stallMs ?? 0,
        download: async (range, priority, signal) => {
          client ??= await clientFor(url);
          return await client.downloadShared?.(
            new Request(url, {
              pin: file.version.validators,
              signal: withUid(signal, reader.uid),
              priority,
              ...(range === undefined ? {} : { range }),
            }),
          );
        },
      },
      onSize: (size) => {
        if (!this.#detached.has(reader)) onSize(url, file.version, size);
      },
      onChanged: () => {
        if (!this.#detached.has(reader)) onChanged(url, file);
      },
      onCorrupt: (error) => {
        if (this.#detached.has(reader)) return;
        onCorrupt(url, file, error);
        const current = this.#blocks.get(key);
        if (current !== undefined) this.#detach(key, current);
      },
      onIdle: () => this.#forget(reader),
    });
    this.#readers.set(key, reader);
    stored.open(reader);
    return reader;
  }

  #blocksOf(key: string, url: string, version: VersionIdentity): VersionBlocks {
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const blocks = new VersionBlocks(
      { resource: url, version: version.id },
      version,
      this.#context.memory,
      this.#context.budget,
    );
    blocks.onEmpty = () => {
      if (this.#readers.has(key)) return;
      this.#forgetBlocks(key, blocks);
      // What was shown of it cannot be compared any more with what comes.
      if (!version.verifiable) this.#context.mustProbe(url, version);
    };
    this.#blocks.set(key, blocks);
    return blocks;
  }

  #forgetBlocks(key: string, blocks: VersionBlocks): void {
    if (this.#blocks.get(key) === blocks) this.#blocks.delete(key);
    blocks.forgetDigests();
  }

  #forget(reader: Version): void {
    const { file, blocks } = reader;
    const key = mapKeyOf(blocks.key);
    const isDetached = this.#detached.delete(reader);
    if (this.#readers.get(key) === reader) this.#readers.delete(key);
    else if (!isDetached) return;
    reader.end();
    this.#context.stored.close(reader);
    // Part of a resource without validators must not be completed from another download later: nothing
    // shows that it is the same version.
    const isPartial = !file.version.verifiable && blocks.cachedBytes !== reader.size;
    if (isDetached || isPartial) blocks.drop();
    if (isPartial && !isDetached) this.#context.mustProbe(blocks.key.resource, file.version);
    if (blocks.isEmpty) this.#forgetBlocks(key, blocks);
  }
}
