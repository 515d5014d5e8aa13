/**
 * A file on its way (RETR) from one byte on. It is longer than what one read wants: reads that follow each other go on with it, each
 * with a part of its own, so that a sequential reader costs one RETR. FTP cannot say where a transfer is to end.
 */
import type { BodyTarget } from '../../body-target.js';
import { ProtocolError } from '../../errors.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import type { Request } from '../../request.js';
import { withResolvers } from '../../../with-resolvers.js';
import type { FtpHost } from './ftp-host.js';
import type { FtpSession, RunningTransfer } from './ftp-session.js';
import type { ReadPart, RunningRead, TransferredFile } from './running-read.js';

/** For so long a transfer waits for the read that goes on with it. */
const PARKED_MS = 10_000;

export class FtpTransfer implements RunningRead {
  readonly file: TransferredFile;
  readonly #host: FtpHost;
  readonly #session: FtpSession;
  readonly #running: RunningTransfer;
  readonly #isSequential: boolean;
  /** The parts that are not read yet, in order. */
  readonly #parts: TransferPart[] = [];
  /** How far they reach. */
  #claimedEnd: number;
  /** When bytes were last read. */
  progressAtMs = performance.now();
  #state: 'running' | 'ending' | 'over' = 'running';
  #parkTimer: NodeJS.Timeout | undefined;

  /** It has the session until its end. */
  constructor(
    host: FtpHost,
    session: FtpSession,
    running: RunningTransfer,
    file: TransferredFile,
    start: number,
  ) {
    this.#host = host;
    this.#session = session;
    this.#running = running;
    this.file = file;
    this.#claimedEnd = start;
    this.#isSequential = host.isSequential(file.path, start);
    host.transfers.add(this);
  }

  get timeoutMs(): number {
    return this.#host.server.timeoutMs;
  }

  claim(start: number, end: number): TransferPart | undefined {
    const { size = Infinity } = this.file.stat;
    if (this.#state !== 'running' || start !== this.#claimedEnd || start >= size) return undefined;
    clearTimeout(this.#parkTimer);
    this.#claimedEnd = end;
    const part = new TransferPart(this, start);
    this.#parts.push(part);
    if (this.#parts.length === 1) part.begin();
    return part;
  }

  async read(target: BodyTarget, limit: LowSpeedLimit): Promise<number> {
    const onBytes = (bytes: number): void => {
      this.progressAtMs = performance.now();
      target.onBytes?.(bytes);
    };
    return await this.#running.data.read({ ...target, onBytes }, limit);
  }

  /** All of a part was read: checks that the file is still the one it was, and lets the next part begin. */
  async finish(part: TransferPart, end: number, request: Request): Promise<void> {
    this.#host.noteEnd(this.file.path, end);
    const { size } = this.file.stat;
    if (size === undefined || end >= size) {
      await this.#finishFile(request);
      return;
    }
    this.#parts.splice(this.#parts.indexOf(part), 1);
    const [next] = this.#parts;
    next?.begin();
    if (next === undefined && !(this.#isSequential && this.#host.pool.hasRoom)) {
      await this.#end((session, endsAtMs) => this.#host.check(session, this.file, request, endsAtMs));
      return;
    }
    if (next === undefined) this.#park();
    try {
      await this.#host.run(request, (session, endsAtMs) =>
        this.#host.check(session, this.file, request, endsAtMs),
      );
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  /** A part is not read any more. */
  drop(part: TransferPart, start: number): void {
    const isUntouched = this.#parts.at(-1) === part && this.#parts.length > 1;
    if (!isUntouched) {
      if (this.#parts.includes(part)) this.cancel();
      return;
    }
    this.#parts.pop();
    this.#claimedEnd = start;
  }

  cancel(): void {
    if (this.#state !== 'running') return;
    void this.#end();
  }

  endIfParked(): boolean {
    const isParked = this.#state === 'running' && this.#parts.length === 0;
    if (isParked) this.cancel();
    return isParked;
  }

  #park(): void {
    this.#parkTimer = setTimeout(() => this.cancel(), PARKED_MS).unref();
  }

  async #finishFile(request: Request): Promise<void> {
    const { data } = this.#running;
    const more = await data.read({ pieces: [new Uint8Array(1)] }, this.#host.newLimit());
    if (more > 0) {
      // It has grown, or the server has told another size.
      await this.#end((session, endsAtMs) => this.#host.check(session, this.file, request, endsAtMs));
      const facts = { expected: `${this.file.stat.size} bytes`, found: 'more' };
      throw new ProtocolError('the file has a wrong length', request.url, facts);
    }
    this.#leave();
    try {
      await this.#session.endOf(this.#running);
      await this.#host.check(this.#session, this.file, request, performance.now() + this.timeoutMs);
    } finally {
      this.#release();
    }
  }

  /** Ends it before its end, then does something with the session. */
  async #end(work?: (session: FtpSession, endsAtMs: number) => Promise<void>): Promise<void> {
    this.#leave();
    try {
      await this.#session.abandon(this.#running);
      await work?.(this.#session, performance.now() + this.timeoutMs);
    } finally {
      this.#release();
    }
  }

  #leave(): void {
    clearTimeout(this.#parkTimer);
    this.#state = 'ending';
    this.#host.transfers.delete(this);
    for (const part of this.#parts.splice(0)) part.fail();
  }

  #release(): void {
    this.#state = 'over';
    this.#running.data.close();
    this.#host.pool.release(this.#session);
  }
}

/** The transfer ended before the part began. */
class TransferOver extends Error {}

/** What one read has of a transfer. */
class TransferPart implements ReadPart {
  readonly #transfer: FtpTransfer;
  readonly #start: number;
  readonly #turn = withResolvers<void>();

  constructor(transfer: FtpTransfer, start: number) {
    this.#transfer = transfer;
    this.#start = start;
    this.#turn.promise.catch(() => undefined);
  }

  begin(): void {
    this.#turn.resolve();
  }

  fail(): void {
    this.#turn.reject(new TransferOver('the transfer was ended'));
  }

  async read(target: BodyTarget, limit: LowSpeedLimit): Promise<number> {
    await this.#myTurn();
    return await this.#transfer.read(target, limit);
  }

  async finish(end: number, request: Request): Promise<void> {
    await this.#transfer.finish(this, end, request);
  }

  drop(): void {
    this.#transfer.drop(this, this.#start);
  }

  /** Whoever reads the part before may have stopped: then the transfer helps nobody. */
  async #myTurn(): Promise<void> {
    const patienceMs = Math.max(1, this.#transfer.timeoutMs / 3);
    const watch = setInterval(() => {
      if (performance.now() - this.#transfer.progressAtMs >= patienceMs) this.#transfer.cancel();
    }, patienceMs);
    try {
      await this.#turn.promise;
    } finally {
      clearInterval(watch);
    }
  }
}
