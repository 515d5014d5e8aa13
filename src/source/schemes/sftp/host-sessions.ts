import { InterruptedError, SourceError } from '../../errors.js';
import { CLIENT_CLOSED, isRetryable } from '../../http/http-failure.js';
import { orAborted } from '../../or-aborted.js';
import { LateAnswer, SessionLost } from './sftp-failure.js';
import type { SftpSession } from './sftp-session.js';

/** A session without use. Before firewalls forget it. */
const IDLE_MS = 60_000;
const MAX_SESSIONS = 4;
/** With so much in flight, what is asked for next waits for it. */
const BUSY_BYTES = 512 * 1024;
/** What is refused is not tried more often: servers count failed logins. */
const REFUSED_MS = 5_000;

export interface Lease {
  readonly session: SftpSession;
  /** May be called again. */
  readonly release: () => void;
}

/** The sessions with one host by one login: one, and more while that is busy. */
export class HostSessions {
  readonly #connect: (signal: AbortSignal) => Promise<SftpSession>;
  readonly #timeoutMs: number;
  readonly #sessions = new Set<SftpSession>();
  #closed: Error | undefined;
  #attempt: AbortController | undefined;
  #connecting: Promise<SftpSession> | undefined;
  #refused: { readonly error: SourceError; readonly atMs: number } | undefined;
  #idle: NodeJS.Timeout | undefined;
  #users = 0;

  constructor(connect: (signal: AbortSignal) => Promise<SftpSession>, timeoutMs: number) {
    this.#connect = connect;
    this.#timeoutMs = timeoutMs;
  }

  /** There is no connection, and none is wanted. */
  get isUnused(): boolean {
    return this.#users === 0 && this.#sessions.size === 0 && this.#connecting === undefined;
  }

  /** One of them, which stays connected until it is released. */
  async lease(url: URL, signal: AbortSignal | undefined): Promise<Lease> {
    clearTimeout(this.#idle);
    this.#users += 1;
    let session: SftpSession | undefined;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#users -= 1;
      if (session !== undefined) session.users -= 1;
      if (this.#users > 0 || this.#closed !== undefined) return;
      this.#idle = setTimeout(() => this.#closeAll(new SessionLost('it was idle')), IDLE_MS).unref();
    };
    try {
      session = await orAborted(this.#acquire(), signal, url);
      session.users += 1;
      return { session, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #acquire(): Promise<SftpSession> {
    if (this.#closed !== undefined) throw this.#closed;
    const [best] = this.#usable();
    if (best === undefined) return await this.#connected();
    if (best.channel.inFlightBytes > BUSY_BYTES && this.#sessions.size < MAX_SESSIONS) {
      // The next ones have it; what failed, they try again.
      this.#connected().catch(() => undefined);
    }
    return best;
  }

  /** The least busy first. */
  #usable(): SftpSession[] {
    for (const session of this.#sessions) if (session.isClosed) this.#drop(session);
    return [...this.#sessions].toSorted(
      (a, b) => a.channel.inFlightBytes - b.channel.inFlightBytes || a.users - b.users,
    );
  }

  #drop(session: SftpSession): void {
    this.#sessions.delete(session);
    session.close(new SessionLost('the connection was lost'));
  }

  #connected(): Promise<SftpSession> {
    if (this.#refused !== undefined && performance.now() - this.#refused.atMs < REFUSED_MS)
      return Promise.reject(this.#refused.error);
    this.#connecting ??= this.#connectAnew().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connectAnew(): Promise<SftpSession> {
    // Not `AbortSignal.timeout`, which may be collected with those that wait for it.
    const attempt = new AbortController();
    const late = new LateAnswer('no session within the deadline');
    const timer = setTimeout(() => attempt.abort(late), this.#timeoutMs);
    this.#attempt = attempt;
    try {
      const session = await this.#connect(attempt.signal);
      this.#refused = undefined;
      this.#sessions.add(session);
      return session;
    } catch (error) {
      if (error instanceof SourceError && !(error instanceof InterruptedError) && !isRetryable(error))
        this.#refused = { error, atMs: performance.now() };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    const error = new Error(CLIENT_CLOSED);
    this.#closed = error;
    this.#attempt?.abort(error);
    this.#closeAll(error);
  }

  #closeAll(reason: Error): void {
    clearTimeout(this.#idle);
    const sessions = [...this.#sessions];
    this.#sessions.clear();
    for (const session of sessions) session.close(reason);
  }
}
