/** One server as a rule has it: its sessions, its transfers, and what both are used for. */
import { LRUCache } from 'lru-cache';

import { ChangedError, SourceError, TimeoutError } from '../../errors.js';
import { LowSpeedLimit } from '../../http/low-speed-limit.js';
import { withRetries } from '../../retry.js';
import { failureOf } from './ftp-failure.js';
import { isRetryable, RefusedReply } from './ftp-reply.js';
import type { FtpServer } from './ftp-server.js';
import type { FtpSession } from './ftp-session.js';
import { type FtpStat, isSameVersion } from './ftp-stat.js';
import type { TransferHost, TransferredFile } from './ftp-transfer.js';
import type { Handovers } from './handover.js';
import { MalformedReply } from './passive.js';
import { type PoolCaller, SessionPool } from './session-pool.js';

const BACKOFF_MS = 200;
const SEEN_MS = 1_000;
const MAX_SEEN = 1_000;

export class FtpHost implements TransferHost {
  readonly server: FtpServer;
  readonly pool: SessionPool;
  /** The ends of reads, where others may go on. */
  readonly handovers: Handovers = new Map();
  readonly retries: number;
  /** What files were a moment ago, by their paths. */
  readonly #seen = new LRUCache<string, FtpStat>({ max: MAX_SEEN, ttl: SEEN_MS });
  /** Comparisons that have not begun. */
  readonly #queued = new Map<TransferredFile, Promise<void>>();

  constructor(server: FtpServer, retries: number) {
    this.server = server;
    this.retries = retries;
    this.pool = new SessionPool(server, () => this.#endParked());
  }

  seen(path: string): FtpStat | undefined {
    return this.#seen.get(path);
  }

  /** Reads can begin anywhere. */
  get hasRanges(): boolean {
    return this.server.traits.restarts === true;
  }

  /** Reads may share a transfer: while it waits, there is another session for other requests. */
  get mayShare(): boolean {
    return this.hasRanges && this.pool.hasRoom;
  }

  /** `size`: what it is known to be. */
  async stat(session: FtpSession, path: string, endsAtMs: number, size?: number): Promise<FtpStat> {
    const stat = await session.stat(path, endsAtMs, size);
    this.#seen.set(path, stat);
    return stat;
  }

  async compare(
    session: FtpSession,
    { path, stat, isSizeSure }: TransferredFile,
    { url }: PoolCaller,
    endsAtMs: number,
  ): Promise<void> {
    const now = await this.stat(session, path, endsAtMs, isSizeSure ? stat.size : undefined);
    if (isSameVersion(now, stat)) return;
    throw new ChangedError(url, { expected: 'the file that it was before the read', found: 'another one' });
  }

  /** The same by another session than that which goes on with the file. A comparison that has not begun serves all that was read by then. */
  compareSoon(file: TransferredFile, { url }: PoolCaller): Promise<void> {
    const queued = this.#queued.get(file);
    if (queued !== undefined) {
      // It waits for a session, and the transfer, which may be waiting for a read now, has one.
      this.pool.noteParked();
      return queued;
    }
    // Others than this caller wait for it.
    const caller: PoolCaller = { url, signal: undefined, priority: 'foreground', promotion: undefined };
    const comparison = this.run(caller, async (session, endsAtMs) => {
      this.#queued.delete(file);
      await this.compare(session, file, caller, endsAtMs);
    });
    this.#queued.set(file, comparison);
    comparison.catch(() => {
      if (this.#queued.get(file) === comparison) this.#queued.delete(file);
    });
    return comparison;
  }

  newLimit(): LowSpeedLimit {
    return new LowSpeedLimit(this.server.timeoutMs);
  }

  close(): void {
    for (const handover of this.handovers.values()) handover.end();
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

  /** `work` releases the session, whatever becomes of it, or has others do so. */
  async leased<Result>(
    caller: PoolCaller,
    endsAtMs: number,
    work: (session: FtpSession) => Promise<Result>,
  ): Promise<Result> {
    for (;;) {
      const { session, wasIdle } = await this.pool.acquire(caller, endsAtMs);
      try {
        return await work(session);
      } catch (error) {
        if (error instanceof RefusedReply && error.code === 421) session.close();
        // It may be the reply to an earlier command: the next one would be, too.
        if (error instanceof MalformedReply) session.close();
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
    for (const handover of this.handovers.values()) if (handover.endIfParked()) return;
  }
}
