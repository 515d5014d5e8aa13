import type { PooledExchange } from './connection-pool.js';

/** One that has a turn: its queue, how far it was looked through, and the origins that leave it no connection now. */
interface Turn {
  readonly uid: number | undefined;
  readonly queue: PooledExchange[];
  index: number;
  readonly refusing: Set<string>;
}

/** Those of one priority that wait for a connection: users take turns, and each user's are first come, first served. */
export class WaitingExchanges {
  readonly #byUid = new Map<number | undefined, PooledExchange[]>();

  get count(): number {
    let count = 0;
    for (const queue of this.#byUid.values()) count += queue.length;
    return count;
  }

  *[Symbol.iterator](): Generator<PooledExchange> {
    for (const queue of this.#byUid.values()) yield* queue.slice();
  }

  add(exchange: PooledExchange, goesFirst: boolean): void {
    const queue = this.#byUid.get(exchange.uid) ?? [];
    if (goesFirst) queue.unshift(exchange);
    else queue.push(exchange);
    this.#byUid.set(exchange.uid, queue);
  }

  /** False: it does not wait here. */
  remove(exchange: PooledExchange): boolean {
    const queue = this.#byUid.get(exchange.uid);
    const index = queue?.indexOf(exchange) ?? -1;
    if (queue === undefined || index === -1) return false;
    queue.splice(index, 1);
    return true;
  }

  /** Takes out those that `begin` returns true for. It is not asked again for an origin that it had nothing for. */
  serve(begin: (exchange: PooledExchange) => boolean): void {
    let turns: Turn[] = [];
    for (const [uid, queue] of this.#byUid) {
      if (queue.length === 0) this.#byUid.delete(uid);
      else turns.push({ uid, queue, index: 0, refusing: new Set() });
    }
    while (turns.length > 0) turns = turns.filter((turn) => this.#serveOne(turn, begin));
  }

  /** False: there is nothing more to be served of the user. */
  #serveOne(turn: Turn, begin: (exchange: PooledExchange) => boolean): boolean {
    const { uid, queue, refusing } = turn;
    for (; turn.index < queue.length; turn.index += 1) {
      const exchange = queue[turn.index];
      if (exchange === undefined || refusing.has(exchange.origin)) continue;
      if (begin(exchange)) {
        this.remove(exchange);
        // The next time, the others come first.
        this.#byUid.delete(uid);
        this.#byUid.set(uid, queue);
        return true;
      }
      refusing.add(exchange.origin);
    }
    return false;
  }
}
