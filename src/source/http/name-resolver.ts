/**
 * Resolves names as the system does (nsswitch, /etc/hosts, mDNS). A lookup that hangs delays no other: one at a time
 * runs in libuv's pool, others in processes with a time limit.
 */
import { type LookupAddress, ADDRCONFIG } from 'node:dns';
import { lookup } from 'node:dns/promises';

import { LRUCache } from 'lru-cache';

import { LookupProcess } from './lookup-process.js';

export type Addresses = readonly LookupAddress[];

export interface Lookups {
  /** In libuv's pool; cannot be stopped. */
  inPool(name: string): Promise<Addresses>;
  /** Undefined: there is no such thing here. */
  outside(name: string): Promise<Addresses> | undefined;
  close(): void;
}

/** A burst of connections is one query. */
const FRESH_MS = 5_000;
/** What a name had is used for so long when there is no answer within the patience. */
const LAST_GOOD_MS = 600_000;
const PATIENCE_MS = 1_000;
const MAX_NAMES = 1_000;

export class NameResolver {
  readonly #lookups: Lookups;
  readonly #now: () => number;
  readonly #known = new LRUCache<string, { readonly addresses: Addresses; readonly atMs: number }>({
    max: MAX_NAMES,
    ttl: LAST_GOOD_MS,
  });
  readonly #flights = new Map<string, Promise<Addresses>>();
  #isPoolTaken = false;

  constructor(lookups: Lookups = systemLookups(), now: () => number = () => performance.now()) {
    this.#lookups = lookups;
    this.#now = now;
  }

  async resolve(name: string): Promise<Addresses> {
    const known = this.#known.get(name);
    if (known !== undefined && this.#now() - known.atMs < FRESH_MS) return known.addresses;
    const flight = this.#flights.get(name) ?? this.#start(name);
    return known === undefined ? await flight : await orLastGood(flight, known.addresses);
  }

  close(): void {
    this.#lookups.close();
  }

  #start(name: string): Promise<Addresses> {
    const flight = this.#look(name)
      .then((addresses) => {
        this.#known.set(name, { addresses, atMs: this.#now() });
        return addresses;
      })
      .finally(() => this.#flights.delete(name));
    this.#flights.set(name, flight);
    return flight;
  }

  /** One that hangs in the pool takes a thread away from files, and no more than that one. */
  async #look(name: string): Promise<Addresses> {
    const outside = this.#isPoolTaken ? this.#lookups.outside(name) : undefined;
    if (outside !== undefined) return await outside;
    this.#isPoolTaken = true;
    try {
      return await this.#lookups.inPool(name);
    } finally {
      this.#isPoolTaken = false;
    }
  }
}

function systemLookups(): Lookups {
  const processes = new LookupProcess();
  return {
    inPool: (name) => lookup(name, { all: true, hints: ADDRCONFIG }),
    outside: (name) => (processes.isUsable ? processes.lookup(name) : undefined),
    close: () => processes.close(),
  };
}

async function orLastGood(flight: Promise<Addresses>, lastGood: Addresses): Promise<Addresses> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<Addresses>((resolve) => {
    timer = setTimeout(() => resolve(lastGood), PATIENCE_MS);
  });
  try {
    return await Promise.race([flight, patience]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTFOUND') throw error;
    return lastGood;
  } finally {
    clearTimeout(timer);
  }
}
