/** The sessions with one server: a few at a time, since servers allow few, kept for the next request. */
import { InterruptedError, type SourceError, TimeoutError } from '../../errors.js';
import type { Awaitable } from '../../../awaitable.js';
import type { Request } from '../../request.js';
import { type Resolvers, withResolvers } from '../../../with-resolvers.js';
import { failureOf } from './ftp-failure.js';
import { RefusedReply } from './ftp-reply.js';
import type { FtpServer } from './ftp-server.js';
import { FtpSession } from './ftp-session.js';

export type PoolCaller = Pick<Request, 'url' | 'signal' | 'priority' | 'promotion'>;

const MAX_SESSIONS = 4;
const IDLE_MS = 60_000;
/** After the server has said that they are too many, so long no more are opened than it took. */
const LOWERED_MS = 300_000;

/** A session, and whether it was idle: its server may have ended it by now. */
export interface Lease {
  readonly session: FtpSession;
  readonly wasIdle: boolean;
}

interface Waiter extends Resolvers<Lease> {
  readonly caller: PoolCaller;
}

export class SessionPool {
  readonly server: FtpServer;
  /** Called when a request has to wait: ends what only waits for another read. */
  readonly #reclaim: () => void;
  #idle: FtpSession[] = [];
  readonly #leased = new Set<FtpSession>();
  readonly #waiting: Waiter[] = [];
  #opening = 0;
  #lowered = { max: MAX_SESSIONS, untilMs: 0 };
  #isClosed = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(server: FtpServer, reclaim: () => void) {
    this.server = server;
    this.#reclaim = reclaim;
  }

  /** Whether a check beside a transfer finds another session. */
  get hasRoom(): boolean {
    return this.#max > 1;
  }

  get #max(): number {
    return performance.now() < this.#lowered.untilMs ? this.#lowered.max : MAX_SESSIONS;
  }

  acquire(caller: PoolCaller, endsAtMs: number): Awaitable<Lease> {
    if (caller.signal?.aborted === true) throw new InterruptedError(caller.url, caller.signal.reason);
    if (this.#isClosed) throw new InterruptedError(caller.url);
    const session = this.#waiting.length === 0 ? this.#takeIdle() : undefined;
    return session === undefined ? this.#wait(caller, endsAtMs) : { session, wasIdle: true };
  }

  async #wait(caller: PoolCaller, endsAtMs: number): Promise<Lease> {
    const waiter: Waiter = { ...withResolvers<Lease>(), caller };
    this.#waiting.push(waiter);
    const leave = (error: SourceError): void => {
      const at = this.#waiting.indexOf(waiter);
      if (at !== -1) this.#waiting.splice(at, 1);
      waiter.reject(error);
    };
    const onAbort = (): void => leave(new InterruptedError(caller.url, caller.signal?.reason));
    const late = (): void =>
      leave(new TimeoutError(caller.url, { expected: 'a connection', found: 'none within the deadline' }));
    const timer = setTimeout(late, Math.max(1, endsAtMs - performance.now()));
    caller.signal?.addEventListener('abort', onAbort, { once: true });
    this.#serve();
    try {
      return await waiter.promise;
    } finally {
      clearTimeout(timer);
      caller.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Something only waits for another read: it ends if its session is needed. */
  noteParked(): void {
    this.#serve();
  }

  release(session: FtpSession): void {
    if (!this.#leased.delete(session)) return;
    session.usedAtMs = performance.now();
    if (this.#isClosed) session.close();
    else if (!session.isClosed) this.#keep(session);
    this.#serve();
  }

  /** All sessions end, whatever they do. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#idleTimer);
    for (const session of [...this.#idle, ...this.#leased]) session.close();
    this.#idle = [];
    for (const waiter of this.#waiting.splice(0)) waiter.reject(new InterruptedError(waiter.caller.url));
  }

  #keep(session: FtpSession): void {
    session.setIdle(true);
    this.#idle.push(session);
    this.#idleTimer ??= setTimeout(() => this.#endIdle(), IDLE_MS).unref();
  }

  #endIdle(): void {
    const nowMs = performance.now();
    const isOver = ({ usedAtMs }: FtpSession): boolean => nowMs - usedAtMs >= IDLE_MS;
    for (const session of this.#idle.filter(isOver)) session.close();
    this.#idle = this.#idle.filter((session) => !isOver(session));
    this.#idleTimer =
      this.#idle.length === 0 ? undefined : setTimeout(() => this.#endIdle(), IDLE_MS / 2).unref();
  }

  /** The one used last: the others may have been ended. */
  #takeIdle(): FtpSession | undefined {
    for (let session = this.#idle.pop(); session !== undefined; session = this.#idle.pop()) {
      if (session.isClosed) continue;
      session.setIdle(false);
      this.#leased.add(session);
      return session;
    }
    return undefined;
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const session = this.#takeIdle();
      if (session === undefined) break;
      this.#nextWaiter()?.resolve({ session, wasIdle: true });
    }
    while (this.#opening < this.#waiting.length && this.#leased.size + this.#opening < this.#max)
      this.#open();
    if (this.#opening < this.#waiting.length) this.#reclaim();
  }

  /** Foreground first. */
  #nextWaiter(): Waiter | undefined {
    const first = this.#waiting.findIndex(
      ({ caller }) => caller.priority === 'foreground' || caller.promotion?.isPromoted === true,
    );
    return this.#waiting.splice(Math.max(0, first), 1)[0];
  }

  #open(): void {
    this.#opening += 1;
    const endsAtMs = performance.now() + this.server.timeoutMs;
    FtpSession.open(this.server, endsAtMs).then(
      (session) => this.#onOpened(session),
      (error: unknown) => this.#onFailure(error),
    );
  }

  #onOpened(session: FtpSession): void {
    this.#opening -= 1;
    const waiter = this.#isClosed ? undefined : this.#nextWaiter();
    if (this.#isClosed) {
      session.close();
    } else if (waiter === undefined) {
      this.#keep(session);
    } else {
      this.#leased.add(session);
      waiter.resolve({ session, wasIdle: false });
    }
  }

  #onFailure(error: unknown): void {
    this.#opening -= 1;
    const open = this.#leased.size + this.#idle.length;
    if (error instanceof RefusedReply && error.saysTooMany && open > 0) {
      // Those that are open serve all.
      this.#lowered = { max: open, untilMs: performance.now() + LOWERED_MS };
      this.#serve();
      return;
    }
    const waiter = this.#nextWaiter();
    waiter?.reject(failureOf(error, waiter.caller.url, waiter.caller.signal));
  }
}
