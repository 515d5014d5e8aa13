import type { Logger } from 'pino';

import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { CompleteClient } from '../source/index.js';
import type { BlockPool } from './blocks/block-pool.js';
import { MemoryShares } from './blocks/memory-shares.js';
import type { Peers } from './download/peer-source.js';
import type { Version, VersionContext } from './version.js';
import type { VersionStorage } from './version-storage.js';

export interface VersionsOptions {
  readonly pool: BlockPool;
  readonly budget: MetadataBudget;
  readonly storage: VersionStorage;
  /** The prefix that a probe brings along. */
  readonly probeBytes: number;
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  readonly peers: Peers | undefined;
  readonly log: Logger;
}

/** Bodies of probes that wait for an open: the oldest is cancelled when there are more. */
const MAX_PARKED = 16;

/** The versions that are in use, and what they share. */
export class Versions implements VersionContext {
  readonly pool: BlockPool;
  readonly budget: MetadataBudget;
  readonly storage: VersionStorage;
  readonly probeBytes: number;
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  readonly peers: Peers | undefined;
  readonly log: Logger;
  readonly shares = new MemoryShares();
  readonly #inUse = new Set<Version>();
  /** Those whose probe brought a body that no read has taken, perhaps. */
  readonly #parked = new Set<Version>();

  constructor({ pool, budget, storage, probeBytes, clientFor, peers, log }: VersionsOptions) {
    this.pool = pool;
    this.budget = budget;
    this.storage = storage;
    this.probeBytes = probeBytes;
    this.clientFor = clientFor;
    this.peers = peers;
    this.log = log;
  }

  begin(version: Version): void {
    this.#inUse.add(version);
  }

  end(version: Version): void {
    this.#inUse.delete(version);
    this.#parked.delete(version);
  }

  park(version: Version): void {
    this.#parked.add(version);
    if (this.#parked.size <= MAX_PARKED) return;
    for (const parked of this.#parked) if (!parked.isParked) this.#parked.delete(parked);
    const [oldest] = this.#parked;
    if (this.#parked.size > MAX_PARKED) oldest?.close();
  }

  /** Ends everything that is in flight; resolves when what is kept for the next run is safe. */
  async close(): Promise<void> {
    for (const version of this.#inUse) version.close();
    for (const version of this.#inUse) version.closeStored();
    await this.storage.end();
  }
}
