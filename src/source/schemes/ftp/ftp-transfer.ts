/** A file on its way (RETR) from one byte on to its end: FTP cannot say where else to end. */
import type { BodyTarget } from '../../body-target.js';
import { ProtocolError } from '../../errors.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import type { FtpServer } from './ftp-server.js';
import type { FtpSession, RunningTransfer } from './ftp-session.js';
import type { FtpStat } from './ftp-stat.js';
import type { PoolCaller, SessionPool } from './session-pool.js';

export interface TransferredFile {
  /** As the server knows it. */
  readonly path: string;
  readonly stat: FtpStat;
  /** The server has opened a file of that size: what else identifies the version is the time. */
  readonly isSizeSure: boolean;
}

/** What a transfer needs of its host. */
export interface TransferHost {
  readonly server: Pick<FtpServer, 'timeoutMs'>;
  readonly pool: Pick<SessionPool, 'release'>;
  newLimit(): LowSpeedLimit;
  /** Throws if a file is no longer the one that was read. */
  compare(session: FtpSession, file: TransferredFile, caller: PoolCaller, endsAtMs: number): Promise<void>;
  /** The same by another session. */
  compareSoon(file: TransferredFile, caller: PoolCaller): Promise<void>;
}

/** Has its session until its end. */
export class FtpTransfer {
  readonly file: TransferredFile;
  /** The file was compared since the server has opened it. */
  isCompared = false;
  readonly #host: TransferHost;
  readonly #session: FtpSession;
  readonly #running: RunningTransfer;
  #isOver = false;

  constructor(
    host: TransferHost,
    session: FtpSession,
    running: RunningTransfer,
    { path, stat }: Omit<TransferredFile, 'isSizeSure'>,
  ) {
    this.#host = host;
    this.#session = session;
    this.#running = running;
    this.file = {
      path,
      stat,
      isSizeSure: running.fileBytes !== undefined && running.fileBytes === stat.size,
    };
  }

  read(target: BodyTarget, limit: LowSpeedLimit): Promise<number> {
    return this.#running.data.read(target, limit);
  }

  /** While it goes on. Throws if the file is no longer the one that was read. */
  async compareBeside(caller: PoolCaller): Promise<void> {
    await this.#host.compareSoon(this.file, caller);
    this.isCompared = true;
  }

  /** All bytes that there should be were read. Throws if there are more, or if the file is no longer the one that was read. */
  async finish(caller: PoolCaller): Promise<void> {
    if ((await this.read({ pieces: [new Uint8Array(1)] }, this.#host.newLimit())) > 0) {
      // It has grown, or the server reported another size.
      await this.abandon(caller);
      const expected = `${this.file.stat.size} bytes`;
      throw new ProtocolError('the file has a wrong length', caller.url, { expected, found: 'more' });
    }
    await this.#end(() => this.#session.endOf(this.#running), { ...this.file, isSizeSure: true }, caller);
  }

  /** Ends it before its end. With a caller, throws if the file is no longer the one that was read. */
  async abandon(caller?: PoolCaller): Promise<void> {
    await this.#end(() => this.#session.abandon(this.#running), this.file, caller);
  }

  async #end(end: () => Promise<unknown>, file: TransferredFile, caller?: PoolCaller): Promise<void> {
    // Its session may be another one's already.
    if (this.#isOver) return;
    this.#isOver = true;
    const { pool, server } = this.#host;
    try {
      await end();
      if (caller === undefined) return;
      await this.#host.compare(this.#session, file, caller, performance.now() + server.timeoutMs);
    } finally {
      this.#running.data.close();
      pool.release(this.#session);
    }
  }
}
