/**
 * A file on its way (RETR) from one byte on. It is longer than what one read wants: reads that follow each other go on with it, each
 * with a part of its own, so that a sequential reader costs one RETR. FTP cannot say where a transfer is to end.
 */
import type { BodyTarget } from '../../body-target.js';
import { ProtocolError } from '../../errors.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import { orAborted } from '../../or-aborted.js';
import type { Request } from '../../request.js';
import { withResolvers } from '../../../with-resolvers.js';
import type { FtpHost } from './ftp-host.js';
import type { PoolCaller } from './session-pool.js';
import type { FtpSession, RunningTransfer } from './ftp-session.js';
import type { ReadPart, RunningRead, TransferredFile } from './running-read.js';

/** For so long a transfer waits for the read that goes on with it. */
const PARKED_MS = 10_000;

/** What a transfer consists of. */
export interface OpenTransfer {
  readonly session: FtpSession;
  readonly running: RunningTransfer;
  readonly file: TransferredFile;
}

export class FtpTransfer implements RunningRead {
  readonly name: string;
  readonly etag: string | undefined;
  /** Rejects with why it could not be begun. */
  readonly opened: Promise<TransferredFile>;
  readonly #opening = withResolvers<TransferredFile>();
  readonly #host: FtpHost;
  readonly #isSequential: boolean;
  /** Undefined until it is open. It has the session until its end. */
  #open: OpenTransfer | undefined;
  /** The parts that are not read yet, in order. */
  readonly #parts: TransferPart[] = [];
  /** How far they reach. */
  #claimedEnd: number;
  /** When bytes were last read. */
  progressAtMs = performance.now();
  #isOver = false;
  #parkTimer: NodeJS.Timeout | undefined;
  #queuedCheck: Promise<void> | undefined;

  /** Reads of the version may claim parts already. */
  constructor(host: FtpHost, name: string, etag: string | undefined, start: number) {
    this.name = name;
    this.etag = etag;
    this.opened = this.#opening.promise;
    this.opened.catch(() => undefined);
    this.#host = host;
    this.#claimedEnd = start;
    this.#isSequential = host.isSequential(name, start);
    host.transfers.add(this);
  }

  get timeoutMs(): number {
    return this.#host.server.timeoutMs;
  }

  claim(start: number, end: number): TransferPart | undefined {
    if (this.#isOver || start !== this.#claimedEnd || start >= end) return undefined;
    clearTimeout(this.#parkTimer);
    this.#claimedEnd = end;
    const part = new TransferPart(this, start);
    this.#parts.push(part);
    if (this.#parts.length === 1 && this.#open !== undefined) part.begin();
    return part;
  }

  begin(open: OpenTransfer): void {
    this.#open = open;
    this.#opening.resolve(open.file);
    this.progressAtMs = performance.now();
    if (this.#isOver) void this.#endSession(open);
    else this.#parts[0]?.begin();
  }

  failToBegin(error: unknown): void {
    this.#leave();
    this.#opening.reject(error);
  }

  async read(target: BodyTarget, limit: LowSpeedLimit): Promise<number> {
    const onBytes = (bytes: number): void => {
      this.progressAtMs = performance.now();
      target.onBytes?.(bytes);
    };
    if (this.#open === undefined) throw new TransferOver();
    return await this.#open.running.data.read({ ...target, onBytes }, limit);
  }

  /** All of a part was read: checks that the file is still the one it was, and lets the next part begin. */
  async finish(part: TransferPart, end: number, request: Request): Promise<void> {
    const open = this.#open;
    if (open === undefined) throw new TransferOver();
    this.#host.noteEnd(this.name, end);
    const { file } = open;
    const { size } = file.stat;
    if (size === undefined || end >= size) {
      await this.#finishFile(open, request);
      return;
    }
    this.#parts.splice(this.#parts.indexOf(part), 1);
    const [next] = this.#parts;
    next?.begin();
    if (next === undefined && !(this.#isSequential && this.#host.pool.hasRoom)) {
      this.#leave();
      await this.#endSession(open, request);
      return;
    }
    if (next === undefined) this.#parkTimer = setTimeout(() => this.cancel(), PARKED_MS).unref();
    try {
      await orAborted(this.#checkBeside(file, request), request.signal, request.url);
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  /** By another session. One that has not begun yet serves all parts that were read by then. */
  #checkBeside(file: TransferredFile, { url }: Request): Promise<void> {
    if (this.#queuedCheck !== undefined) return this.#queuedCheck;
    const caller: PoolCaller = { url, signal: undefined, priority: 'foreground', promotion: undefined };
    const check = this.#host.run(caller, async (session, endsAtMs) => {
      this.#queuedCheck = undefined;
      await this.#host.check(session, file, caller, endsAtMs);
    });
    this.#queuedCheck = check;
    check.catch(() => {
      if (this.#queuedCheck === check) this.#queuedCheck = undefined;
    });
    return check;
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
    if (this.#isOver) return;
    this.#leave();
    if (this.#open !== undefined) void this.#endSession(this.#open);
  }

  endIfParked(): boolean {
    const isParked = !this.#isOver && this.#open !== undefined && this.#parts.length === 0;
    if (isParked) this.cancel();
    return isParked;
  }

  async #finishFile(open: OpenTransfer, request: Request): Promise<void> {
    const { session, running, file } = open;
    const more = await running.data.read({ pieces: [new Uint8Array(1)] }, this.#host.newLimit());
    this.#parts.shift();
    this.#leave();
    if (more > 0) {
      // It has grown, or the server reported another size.
      await this.#endSession(open, request);
      const facts = { expected: `${file.stat.size} bytes`, found: 'more' };
      throw new ProtocolError('the file has a wrong length', request.url, facts);
    }
    try {
      await session.endOf(running);
      await this.#host.check(session, file, request, performance.now() + this.timeoutMs);
    } finally {
      this.#release(open);
    }
  }

  /** Ends it before its end. With a request, the file is compared with what it was. */
  async #endSession(open: OpenTransfer, checkFor?: Request): Promise<void> {
    const { session, running, file } = open;
    try {
      await session.abandon(running);
      if (checkFor !== undefined)
        await this.#host.check(session, file, checkFor, performance.now() + this.timeoutMs);
    } finally {
      this.#release(open);
    }
  }

  /** No part of it is claimed any more. */
  #leave(): void {
    clearTimeout(this.#parkTimer);
    this.#isOver = true;
    this.#host.transfers.delete(this);
    for (const part of this.#parts.splice(0)) part.fail();
  }

  #release({ session, running }: OpenTransfer): void {
    running.data.close();
    this.#host.pool.release(session);
  }
}

/** The transfer ended before the part began: its reader is to open another one. */
export class TransferOver extends Error {
  constructor() {
    super('the transfer was ended');
  }
}

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
    this.#turn.reject(new TransferOver());
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

  /** The reader of the part before may have stopped: then no one needs the transfer. */
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
