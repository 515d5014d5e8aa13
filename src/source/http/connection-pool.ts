/**
 * The connections to all origins, and the requests that wait for one: first come, first served, foreground
 * before background. A request whose origin has no connection left does not hold up those behind it.
 *
 * One coarse timer moves a clock that all deadlines are measured by. It moves by two ticks at most, so that
 * the time in which this process was stopped or busy counts against nobody.
 */
import type { RequestPriority } from '../request.js';
import type { Connect } from './connect.js';
import { type ConnectionOwner, type Exchange, HttpConnection } from './http-connection.js';
import { CLIENT_CLOSED } from './http-failure.js';

const IDLE_MS = 30_000;

/** Of `maxConnections`: with those whose answers nobody reads on. */
const HELD_UP_FACTOR = 4;

/**
 * A connection whose answer nobody reads on (a file that is open, of a source without ranges) counts against neither:
 * eight of them would leave their origin to nobody else.
 */
export interface PoolLimits {
  readonly maxConnectionsPerOrigin: number;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** How exact deadlines are. */
  readonly tickMs: number;
}

export interface PooledExchange extends Exchange {
  /** Of `url`. */
  readonly origin: string;
  priority: RequestPriority;
  /** Set when a kept-alive connection turned out to be dead: its siblings may be as well. */
  readonly needsNewConnection: boolean;
}

export class ConnectionPool implements ConnectionOwner {
  readonly connect: Connect;
  readonly #limits: PoolLimits;
  readonly #connections = new Map<string, Set<HttpConnection>>();
  /** Where each exchange is under way. */
  readonly #sent = new WeakMap<PooledExchange, HttpConnection>();
  readonly #waiting: Readonly<Record<RequestPriority, PooledExchange[]>> = { foreground: [], background: [] };
  #count = 0;
  /** Of a clock that stands while nothing is open. */
  #nowMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #isAssigning = false;
  #isClosed = false;

  constructor(connect: Connect, limits: PoolLimits) {
    this.connect = connect;
    this.#limits = limits;
  }

  now(): number {
    return this.#nowMs;
  }

  submit(exchange: PooledExchange): void {
    if (this.#isClosed) {
      exchange.onFailure(new Error(CLIENT_CLOSED), false);
      return;
    }
    this.#startClock();
    const queue = this.#waiting[exchange.priority];
    if (exchange.needsNewConnection) queue.unshift(exchange);
    else queue.push(exchange);
    this.#assign();
  }

  /** Somebody waits for an exchange that waits in the background. */
  raise(exchange: PooledExchange): void {
    const { background, foreground } = this.#waiting;
    const index = background.indexOf(exchange);
    exchange.priority = 'foreground';
    if (index === -1) return;
    foreground.push(...background.splice(index, 1));
    this.#assign();
  }

  /** Takes an exchange out, wherever it is. It is told of nothing more. */
  abandon(exchange: PooledExchange): void {
    const queue = this.#waiting[exchange.priority];
    const index = queue.indexOf(exchange);
    if (index === -1) this.#sent.get(exchange)?.abandon(exchange);
    else queue.splice(index, 1);
  }

  /** Ends everything. Resolves when no socket is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    const reason = new Error(CLIENT_CLOSED);
    for (const queue of Object.values(this.#waiting)) {
      for (const exchange of queue.splice(0)) exchange.onFailure(reason, false);
    }
    await Promise.all([...this.#all()].map((connection) => connection.close(reason)));
  }

  onIdle(): void {
    this.#assign();
  }

  onClosed(connection: HttpConnection): void {
    const siblings = this.#connections.get(connection.origin);
    siblings?.delete(connection);
    if (siblings?.size === 0) this.#connections.delete(connection.origin);
    this.#count -= 1;
    this.#assign();
  }

  #assign(): void {
    // Closing an idle connection to make room comes back here.
    if (this.#isAssigning) return;
    this.#isAssigning = true;
    for (const queue of [this.#waiting.foreground, this.#waiting.background]) {
      for (let index = 0; index < queue.length;) {
        const exchange = queue[index];
        if (exchange !== undefined && this.#begin(exchange)) queue.splice(index, 1);
        else index += 1;
      }
    }
    this.#isAssigning = false;
  }

  /** False: it has to wait. */
  #begin(exchange: PooledExchange): boolean {
    let connection: HttpConnection | undefined;
    try {
      connection = this.#connectionFor(exchange);
    } catch (error) {
      exchange.onFailure(error instanceof Error ? error : new Error(String(error)), false);
      return true;
    }
    if (connection === undefined) return false;
    this.#sent.set(exchange, connection);
    connection.send(exchange);
    return true;
  }

  #connectionFor(exchange: PooledExchange): HttpConnection | undefined {
    const { maxConnectionsPerOrigin, maxConnections } = this.#limits;
    const siblings = this.#connections.get(exchange.origin) ?? new Set();
    const idle = lastUsed(siblings);
    if (idle !== undefined && !exchange.needsNewConnection) return idle;
    if (siblings.size >= maxConnectionsPerOrigin && inUse(siblings) >= maxConnectionsPerOrigin) {
      if (idle === undefined) return undefined;
      idle.destroy();
    } else if (this.#isFull(maxConnections)) {
      const spare = longestIdle(this.#all());
      if (spare === undefined) return undefined;
      spare.destroy();
    }
    return this.#open(exchange);
  }

  #isFull(maxConnections: number): boolean {
    if (this.#count < maxConnections) return false;
    return this.#count >= HELD_UP_FACTOR * maxConnections || inUse(this.#all()) >= maxConnections;
  }

  #open({ origin, url }: PooledExchange): HttpConnection {
    const connection = new HttpConnection(this, url, this.#limits.connectTimeoutMs);
    const siblings = this.#connections.get(origin);
    if (siblings === undefined) this.#connections.set(origin, new Set([connection]));
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
      for (const exchange of queue.slice()) exchange.onTick(this.#nowMs);
    }
    for (const connection of this.#all()) connection.tick(this.#nowMs, IDLE_MS);
    const waiting = this.#waiting.foreground.length + this.#waiting.background.length;
    // Answers that nobody reads on may have made room.
    if (waiting > 0) this.#assign();
    if (this.#count + waiting > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  *#all(): Generator<HttpConnection> {
    for (const siblings of this.#connections.values()) yield* siblings;
  }
}

/** How many of them count. */
function inUse(connections: Iterable<HttpConnection>): number {
  let count = 0;
  for (const { isHeldUp } of connections) if (!isHeldUp) count += 1;
  return count;
}

/** The idle connection that is least likely to have been closed by the server. */
function lastUsed(connections: Iterable<HttpConnection>): HttpConnection | undefined {
  let last: HttpConnection | undefined;
  for (const connection of connections) {
    const since = connection.idleSinceMs;
    if (since !== undefined && since >= (last?.idleSinceMs ?? 0)) last = connection;
  }
  return last;
}

function longestIdle(connections: Iterable<HttpConnection>): HttpConnection | undefined {
  let longest: HttpConnection | undefined;
  for (const connection of connections) {
    const since = connection.idleSinceMs;
    if (since !== undefined && since < (longest?.idleSinceMs ?? Infinity)) longest = connection;
  }
  return longest;
}
