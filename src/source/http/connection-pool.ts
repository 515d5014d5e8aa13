/**
 * The connections to all origins, and the requests that wait for one: first come, first served, foreground
 * before background. A request whose origin has no connection left does not delay those behind it.
 *
 * An origin may always have its share of the connections, and a user of those to an origin, however many others have:
 * otherwise slow ones that have them all would leave none to later ones.
 *
 * One coarse timer moves a clock that all deadlines are measured by. It moves by two ticks at most, so that
 * the time in which this process was stopped or busy counts against no exchange.
 */
import type { RequestPriority } from '../request.js';
import type { PoolReport } from '../request-activity.js';
import type { Connect } from './connect.js';
import type { Connection } from './connection.js';
import { HttpConnection, type SocketOwner } from './http-connection.js';
import { CLIENT_CLOSED } from './http-failure.js';
import type { IoThread } from './io-thread.js';
import type { IoThreads } from './io-threads.js';
import type { PooledExchange } from './pooled-exchange.js';
import type { PlanSocket } from './socket-plan.js';
import { ThreadedConnection } from './threaded-connection.js';
import { WaitingExchanges } from './waiting-exchanges.js';

const IDLE_MS = 30_000;

/** Of either limit: with those whose readers have paused, and those beyond it that are within a share. */
const MOST_FACTOR = 4;

/**
 * A connection whose reader has paused (a file that is open, of a source without ranges) counts against neither: eight of
 * them would block their origin.
 */
export interface PoolLimits {
  readonly maxConnectionsPerOrigin: number;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** How exact deadlines are. */
  readonly tickMs: number;
}

/** Where the sockets of long responses are. */
export interface PoolThreads {
  readonly threads: IoThreads;
  readonly plan: PlanSocket;
}

export class ConnectionPool implements SocketOwner {
  readonly connect: Connect;
  readonly #limits: PoolLimits;
  readonly #threads: PoolThreads | undefined;
  readonly #connections = new Map<string, Set<Connection>>();
  /** The connection of each exchange. */
  readonly #sent = new WeakMap<PooledExchange, Connection>();
  /** The current or last user of each connection. */
  readonly #users = new WeakMap<Connection, number | undefined>();
  readonly #waiting: Readonly<Record<RequestPriority, WaitingExchanges>> = {
    foreground: new WaitingExchanges(),
    background: new WaitingExchanges(),
  };
  #count = 0;
  /** Of a clock that stands while nothing is open. */
  #nowMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #isAssigning = false;
  #isClosed = false;

  /** `threads` undefined: all sockets are in this thread. */
  constructor(connect: Connect, limits: PoolLimits, threads?: PoolThreads) {
    this.connect = connect;
    this.#limits = limits;
    this.#threads = threads;
  }

  now(): number {
    return this.#nowMs;
  }

  get report(): PoolReport {
    let [idle, paused] = [0, 0];
    for (const { idleSinceMs, isHeldUp } of this.#all()) {
      if (idleSinceMs !== undefined) idle += 1;
      else if (isHeldUp) paused += 1;
    }
    return { active: this.#count - idle - paused, paused, idle, waitingRequests: this.#waitingCount };
  }

  submit(exchange: PooledExchange): void {
    if (this.#isClosed) {
      exchange.onFailure(new Error(CLIENT_CLOSED), false);
      return;
    }
    this.#startClock();
    this.#waiting[exchange.priority].add(exchange, exchange.needsNewConnection);
    this.#assign();
  }

  /** A reader waits for an exchange in the background queue. */
  raise(exchange: PooledExchange): void {
    const { background, foreground } = this.#waiting;
    const isWaiting = background.remove(exchange);
    exchange.priority = 'foreground';
    if (!isWaiting) return;
    foreground.add(exchange, false);
    this.#assign();
  }

  /** Takes an exchange out, wherever it is. Nothing more of it is called. */
  abandon(exchange: PooledExchange): void {
    if (!this.#waiting[exchange.priority].remove(exchange)) this.#sent.get(exchange)?.abandon(exchange);
  }

  /** Ends everything. Resolves when no socket is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    const reason = new Error(CLIENT_CLOSED);
    for (const queue of Object.values(this.#waiting)) {
      for (const exchange of queue) {
        queue.remove(exchange);
        exchange.onFailure(reason, false);
      }
    }
    await Promise.all([...this.#all()].map((connection) => connection.close(reason)));
  }

  onIdle(): void {
    this.#assign();
  }

  onClosed(connection: Connection): void {
    const siblings = this.#connections.get(connection.poolKey);
    siblings?.delete(connection);
    if (siblings?.size === 0) this.#connections.delete(connection.poolKey);
    this.#count -= 1;
    this.#assign();
  }

  #assign(): void {
    // Closing an idle connection to make room calls this again.
    if (this.#isAssigning) return;
    this.#isAssigning = true;
    for (const queue of [this.#waiting.foreground, this.#waiting.background]) {
      queue.serve((exchange) => this.#begin(exchange));
    }
    this.#isAssigning = false;
  }

  /** False: it has to wait. */
  #begin(exchange: PooledExchange): boolean {
    const connection = this.#connectionFor(exchange);
    if (connection === undefined) return false;
    this.#sent.set(exchange, connection);
    this.#users.set(connection, exchange.uid);
    connection.send(exchange);
    return true;
  }

  /**
   * A long response is received in a thread; at the limit of its origin it takes the place of an idle connection of the main thread,
   * which would otherwise serve such ones again and again. For a short one any connection will do at a limit.
   */
  #connectionFor(exchange: PooledExchange): Connection | undefined {
    const siblings = this.#connections.get(exchange.poolKey) ?? new Set();
    const thread = this.#threads?.threads.threadFor(exchange.expectedBytes);
    const idle = lastUsed(siblings, thread !== undefined);
    const usable = exchange.needsNewConnection ? undefined : idle;
    if (usable !== undefined && (thread === undefined || usable.isThreaded)) return usable;
    // Not even in the place of an idle one, which is another user's perhaps.
    if (!this.#isUserBelowShare(exchange)) return usable;
    if (!this.#hasRoomAtOrigin(exchange, siblings)) {
      if (idle === undefined || (usable !== undefined && thread === undefined)) return usable;
      idle.destroy();
    } else if (!this.#hasRoom(siblings)) {
      const spare = usable === undefined ? longestIdle(this.#all()) : undefined;
      if (spare === undefined) return usable;
      spare.destroy();
    }
    return this.#open(exchange, thread);
  }

  #hasRoomAtOrigin({ uid }: PooledExchange, siblings: ReadonlySet<Connection>): boolean {
    const { maxConnectionsPerOrigin: limit } = this.#limits;
    if (siblings.size < limit || inUse(siblings) < limit) return true;
    if (uid === undefined || siblings.size >= MOST_FACTOR * limit) return false;
    return this.#isBelowShare(uid, siblings, limit);
  }

  /** Of all connections, as if one more user had some: so the next one finds room. */
  #isUserBelowShare({ uid }: PooledExchange): boolean {
    const { maxConnections: limit } = this.#limits;
    if (uid === undefined || this.#count < limit) return true;
    return this.#isBelowShare(uid, this.#all(), MOST_FACTOR * limit, 1);
  }

  #hasRoom(siblings: ReadonlySet<Connection>): boolean {
    const { maxConnections: limit } = this.#limits;
    if (this.#count < limit) return true;
    if (this.#count >= MOST_FACTOR * limit) return false;
    if (inUse(this.#all()) < limit) return true;
    const origins = this.#connections.size + (siblings.size === 0 ? 1 : 0);
    return inUse(siblings) < Math.max(1, Math.floor(limit / origins));
  }

  /** Whether the user has fewer of the connections than if all who have some, and `others`, had equally many. */
  #isBelowShare(uid: number, connections: Iterable<Connection>, limit: number, others = 0): boolean {
    const users = new Set([uid]);
    let own = 0;
    for (const connection of connections) {
      if (connection.idleSinceMs !== undefined) continue;
      const user = this.#users.get(connection);
      if (user === uid) own += 1;
      else if (user !== undefined) users.add(user);
    }
    return own < Math.max(1, Math.floor(limit / (users.size + others)));
  }

  #open(exchange: PooledExchange, thread: IoThread | undefined): Connection {
    const { connectTimeoutMs } = this.#limits;
    const connection =
      thread === undefined || this.#threads === undefined
        ? new HttpConnection(this, exchange, connectTimeoutMs)
        : new ThreadedConnection(this, exchange, connectTimeoutMs, thread, this.#threads.plan);
    const siblings = this.#connections.get(exchange.poolKey);
    if (siblings === undefined) this.#connections.set(exchange.poolKey, new Set([connection]));
    else siblings.add(connection);
    this.#count += 1;
    return connection;
  }

  #startClock(): void {
    if (this.#timer !== undefined) return;
    const { tickMs } = this.#limits;
    let lastMs = performance.now();
    this.#timer = setInterval(() => {
      const realMs = performance.now();
      this.#nowMs += Math.min(realMs - lastMs, 2 * tickMs);
      lastMs = realMs;
      this.#tick();
    }, tickMs).unref();
  }

  #tick(): void {
    for (const queue of Object.values(this.#waiting)) {
      for (const exchange of queue) exchange.onTick(this.#nowMs);
    }
    for (const connection of this.#all()) connection.tick(this.#nowMs, IDLE_MS);
    // Readers that have paused may have made room.
    if (this.#waitingCount > 0) this.#assign();
    if (this.#count + this.#waitingCount > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  get #waitingCount(): number {
    return this.#waiting.foreground.count + this.#waiting.background.count;
  }

  *#all(): Generator<Connection> {
    for (const siblings of this.#connections.values()) yield* siblings;
  }
}

/** How many of them count. */
function inUse(connections: Iterable<Connection>): number {
  let count = 0;
  for (const { isHeldUp } of connections) if (!isHeldUp) count += 1;
  return count;
}

/** The idle connection that is least likely to have been closed by the server; if there is one, of this kind. */
function lastUsed(connections: Iterable<Connection>, isThreaded: boolean): Connection | undefined {
  let suited: Connection | undefined;
  let other: Connection | undefined;
  for (const connection of connections) {
    const since = connection.idleSinceMs;
    if (since === undefined) continue;
    if (connection.isThreaded !== isThreaded) {
      if (since >= (other?.idleSinceMs ?? 0)) other = connection;
    } else if (since >= (suited?.idleSinceMs ?? 0)) {
      suited = connection;
    }
  }
  return suited ?? other;
}

function longestIdle(connections: Iterable<Connection>): Connection | undefined {
  let longest: Connection | undefined;
  for (const connection of connections) {
    const since = connection.idleSinceMs;
    if (since !== undefined && since < (longest?.idleSinceMs ?? Infinity)) longest = connection;
  }
  return longest;
}
