/** One server as a rule has it: its sessions, its transfers, and what both are used for. */
import { LRUCache } from 'lru-cache';

import { ChangedError, SourceError, TimeoutError } from '../../errors.js';
import { LowSpeedLimit } from '../../http/low-speed-limit.js';
import { orAborted } from '../../or-aborted.js';
import { withRetries } from '../../retry.js';
import { failureOf } from './ftp-failure.js';
import { isRetryable, RefusedReply } from './ftp-reply.js';
import type { FtpServer } from './ftp-server.js';
import type { FtpSession } from './ftp-session.js';
import { type FtpStat, isSameVersion } from './ftp-stat.js';
import { type PoolCaller, SessionPool } from './session-pool.js';
import type { RunningRead, TransferredFile } from './running-read.js';

const BACKOFF_MS = 200;
const SEEN_MS = 1_000;
const MAX_SEEN = 1_000;

export class FtpHost {
  readonly server: FtpServer;
  readonly pool: SessionPool;
  /** Those that a read may go on with. */
  readonly transfers = new Set<RunningRead>();
  readonly retries: number;
  /** What files were a moment ago, by their paths. */
  readonly #seen = new LRUCache<string, FtpStat>({ max: MAX_SEEN, ttl: SEEN_MS });
  /** Where the last read of a file ended: one that begins there is sequential. */
  readonly #ends = new LRUCache<string, number>({ max: MAX_SEEN });

  constructor(server: FtpServer, retries: number) {
    this.server = server;
    this.retries = retries;
    this.pool = new SessionPool(server, () => this.#endParked());
  }

  seen(path: string): FtpStat | undefined {
    return this.#seen.get(path);
  }

  isSequential(name: string, start: number): boolean {
    return start === 0 || this.#ends.get(name) === start;
  }

  noteEnd(name: string, end: number): void {
    this.#ends.set(name, end);
  }

  async stat(session: FtpSession, path: string, endsAtMs: number): Promise<FtpStat> {
    const stat = await session.stat(path, endsAtMs);
    this.#seen.set(path, stat);
    return stat;
  }

  /** Throws if a file is no longer the one that was read. */
  async check(
    session: FtpSession,
    { path, stat }: TransferredFile,
    { url }: PoolCaller,
    endsAtMs: number,
  ): Promise<void> {
    const now = await this.stat(session, path, endsAtMs);
    if (isSameVersion(now, stat)) return;
    throw new ChangedError(url, { expected: 'the file that it was before the read', found: 'another one' });
  }

  newLimit(): LowSpeedLimit {
    return new LowSpeedLimit(this.server.timeoutMs);
  }

  close(): void {
    for (const transfer of this.transfers) transfer.cancel();
    this.pool.close();
  }

  /** Lets a session do something short, again where it fails for a moment. */
  async run<Result>(
    caller: PoolCaller,
    work: (session: FtpSession, endsAtMs: number) => Promise<Result>,
  ): Promise<Result> {
    return await this.retried(caller, async (endsAtMs) => {
      return await this.leased(caller, endsAtMs, async (session) => {
        try {
          return await work(session, endsAtMs);
        } finally {
          this.pool.release(session);
        }
      });
    });
  }

  /** `work` releases the session, whatever becomes of it, or has others do so. An aborted caller does not end it. */
  async leased<Result>(
    caller: PoolCaller,
    endsAtMs: number,
    work: (session: FtpSession) => Promise<Result>,
    drop?: (late: Result) => void,
  ): Promise<Result> {
    for (;;) {
      const { session, wasIdle } = await this.pool.acquire(caller, endsAtMs);
      try {
        return await orAborted(work(session), caller.signal, caller.url, drop);
      } catch (error) {
        if (error instanceof RefusedReply && error.code === 421) session.close();
        // The server has ended it while it was idle, and says so now: that is no failure.
        const isStale = wasIdle && session.isClosed && caller.signal?.aborted !== true;
        const isLate = failureOf(error, caller.url) instanceof TimeoutError;
        if (!isStale || isLate || performance.now() >= endsAtMs) throw error;
      }
    }
  }

  async retried<Result>(caller: PoolCaller, work: (endsAtMs: number) => Promise<Result>): Promise<Result> {
    const { timeoutMs } = this.server;
    const policy = { retries: this.retries, deadlineMs: timeoutMs, backoffMs: BACKOFF_MS, isRetryable };
    return await withRetries(policy, caller.signal, async (leftMs) => {
      try {
        return await work(performance.now() + leftMs);
      } catch (error) {
        throw error instanceof SourceError && error.code === 'INTERRUPTED'
          ? error
          : failureOf(error, caller.url, caller.signal);
      }
    });
  }

  /** The one that waits longest. */
  #endParked(): void {
    for (const transfer of this.transfers) if (transfer.endIfParked()) return;
  }
}
