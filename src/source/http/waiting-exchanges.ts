import type { PooledExchange } from './pooled-exchange.js';

/** One that has a turn: its queue, how far it was looked through, and the origins that leave it no connection now. */
interface Turn {
  readonly uid: number | undefined;
  readonly queue: PooledExchange[];
  index: number;
  refusing: Set<string> | undefined;
}

/** Those of one priority that wait for a connection: users take turns, and each user's are first come, first served. */
export class WaitingExchanges {
  readonly #byUid = new Map<number | undefined, PooledExchange[]>();

  #count = 0;

  get count(): number {
    return this.#count;
  }

  *[Symbol.iterator](): Generator<PooledExchange> {
    for (const queue of this.#byUid.values()) yield* queue.slice();
  }

  add(exchange: PooledExchange, goesFirst: boolean): void {
    const queue = this.#byUid.get(exchange.uid) ?? [];
    if (goesFirst) queue.unshift(exchange);
    else queue.push(exchange);
    if (queue.length === 1) this.#byUid.set(exchange.uid, queue);
    this.#count += 1;
  }

  /** False: it does not wait here. */
  remove(exchange: PooledExchange): boolean {
    const queue = this.#byUid.get(exchange.uid);
    const index = queue?.indexOf(exchange) ?? -1;
    if (queue === undefined || index === -1) return false;
    queue.splice(index, 1);
    this.#count -= 1;
    return true;
  }

  /** Takes out those that `begin` returns true for. It is not called again for an origin that it returned false for. */
  serve(begin: (exchange: PooledExchange) => boolean): void {
    if (this.#count === 0) return;
    let turns: Turn[] = [];
    for (const [uid, queue] of this.#byUid) {
      if (queue.length === 0) this.#byUid.delete(uid);
      else turns.push({ uid, queue, index: 0, refusing: undefined });
    }
    while (turns.length > 0) turns = turns.filter((turn) => this.#serveOne(turn, begin));
  }

  /** False: there is nothing more to be served of the user. */
  #serveOne(turn: Turn, begin: (exchange: PooledExchange) => boolean): boolean {
    const { uid, queue } = turn;
    for (; turn.index < queue.length; turn.index += 1) {
      const exchange = queue[turn.index];
      if (exchange === undefined || turn.refusing?.has(exchange.poolKey) === true) continue;
      if (begin(exchange)) {
        this.remove(exchange);
        // The next time, the others come first.
        if (this.#byUid.size > 1 && this.#byUid.delete(uid)) this.#byUid.set(uid, queue);
        return true;
      }
      (turn.refusing ??= new Set()).add(exchange.poolKey);
    }
    return false;
  }
}
