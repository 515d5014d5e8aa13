/** A body that delivers what was promised: where a transfer breaks, another one goes on with the same version. */
import { setTimeout as sleep } from 'node:timers/promises';

import { type BodyReader, type BodyTarget, bytesOf } from '../../body-target.js';
import { InterruptedError, type SourceError } from '../../errors.js';
import { httpDate } from '../../http/http-date.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import type { Request } from '../../request.js';
import { newResponse, type Response } from '../../response.js';
import { partOf } from '../../target-cursor.js';
import { failureOf } from './ftp-failure.js';
import type { FtpHost } from './ftp-host.js';
import type { FtpPath } from './ftp-path.js';
import { isRetryable } from './ftp-reply.js';
import { etagOf, type FtpStat, statOfEtag } from './ftp-stat.js';
import type { FtpTransfer } from './ftp-transfer.js';
import { Handover, type Progress } from './handover.js';
import { type OpenedRange, openTransfer } from './open-transfer.js';

/** Less is no progress. */
const MIN_PROGRESS_BYTES = 1024;
const BACKOFF_MS = 100;
/** A read that takes longer is shown as it comes, once the file was compared. */
const SHORT_READ_MS = 100;
/** So much at once is only read by those who read on. */
const MIN_SHARED_BYTES = 256 * 1024;

export async function download(host: FtpHost, path: FtpPath, request: Request): Promise<Response> {
  const body = new FtpDownload(host, path, request);
  const { start, end, stat } = await body.begin();
  const etag = etagOf(stat);
  return newResponse(body, {
    header: () =>
      new Headers(etag === undefined ? {} : { etag, 'last-modified': httpDate(stat.modifiedMs ?? 0) }),
    contentLength: Number.isFinite(end) ? end - start : -1,
    offset: start,
    cancel: () => body.cancel(),
  });
}

class FtpDownload implements BodyReader {
  readonly #host: FtpHost;
  readonly #path: FtpPath;
  readonly #request: Request;
  readonly #limit: LowSpeedLimit;
  #position: number;
  #endsAt: number;
  /** Of which version the bytes are, once that is known. */
  #stat: FtpStat | undefined;
  /** Where the read before ends: this one may go on there. */
  #before: Handover | undefined;
  #handedOver: Promise<FtpTransfer | undefined> | undefined;
  /** Where this one ends, and another one may go on. */
  readonly #after: Handover | undefined;
  readonly #progress: Progress;
  #transfer: FtpTransfer | undefined;
  #progressedFrom: number;
  #failures = 0;
  #isOver = false;
  #failure: SourceError | undefined;
  readonly #onAbort = (): void => this.cancel();

  /** Finds the read before it, and is found by the one behind it, in this very step. */
  constructor(host: FtpHost, path: FtpPath, request: Request) {
    this.#host = host;
    this.#path = path;
    this.#request = request;
    this.#limit = host.newLimit();
    const { range: { start, end } = { start: 0, end: Infinity }, pin } = request;
    const stat = pin?.etag === undefined || !host.mayShare ? undefined : statOfEtag(pin.etag);
    const size = stat?.size ?? Infinity;
    this.#position = this.#progressedFrom = start;
    this.#endsAt = Math.min(end, size);
    const version = `${path.isHome ? '~' : ''}${path.path}\0${pin?.etag}\0`;
    this.#before = stat && host.handovers.get(`${version}${start}`);
    this.#progress = this.#before?.progress ?? { atMs: performance.now() };
    if (this.#before !== undefined) {
      this.#stat = stat;
      this.#handedOver = this.#before.take();
    }
    const isLong = this.#endsAt - start > MIN_SHARED_BYTES;
    if (stat !== undefined && this.#endsAt < size && (isLong || this.#before !== undefined))
      this.#after = new Handover(host.handovers, `${version}${this.#endsAt}`, this.#progress);
    if (request.signal?.aborted === true) this.cancel();
    else request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Where there is no read before it, rejects with why there is nothing to be read. */
  async begin(): Promise<Omit<OpenedRange, 'transfer'>> {
    if (this.#stat !== undefined) return { stat: this.#stat, start: this.#position, end: this.#endsAt };
    try {
      const { stat, start, end, transfer } = await this.#open(this.#position);
      this.#stat = stat;
      this.#position = this.#progressedFrom = start;
      this.#endsAt = end;
      this.#transfer = transfer;
      if (this.#failure !== undefined) this.#drop();
      else if (transfer === undefined) this.#end();
      return { stat, start, end };
    } catch (error) {
      this.#end(failureOf(error, this.#request.url, this.#request.signal));
      throw error;
    }
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#before?.leave();
    void this.#handedOver?.then((transfer) => transfer?.abandon());
    this.#end(new InterruptedError(this.#request.url, this.#request.signal?.reason));
  }

  async read(target: BodyTarget): Promise<number> {
    const from = this.#position;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isOver) return this.#position - from;
      try {
        return await this.#readPart(target, from);
      } catch (error) {
        this.#drop();
        await this.#noteFailure(error);
      }
    }
  }

  async #readPart(target: BodyTarget, from: number): Promise<number> {
    const before = this.#position;
    if (this.#transfer === undefined && before === this.#endsAt) {
      await this.#compareVersion();
      return before - from;
    }
    const transfer = (this.#transfer ??= await this.#nextTransfer());
    if (this.#failure !== undefined) throw this.#failure;
    const maxBytes = Math.min(bytesOf(target.pieces) - (before - from), this.#endsAt - before);
    const piece = partOf(target, before - from, maxBytes);
    const beganMs = performance.now();
    let isComparing = !this.#host.pool.hasRoom;
    const onBytes = (bytes: number): void => {
      this.#position = before + bytes;
      this.#progress.atMs = performance.now();
      // Between the look at its version and the transfer it may have been replaced.
      if (transfer.isCompared) piece.onBytes?.(bytes);
      else if (!isComparing && this.#progress.atMs - beganMs >= SHORT_READ_MS) {
        isComparing = true;
        transfer.compareBeside(this.#request).catch(() => undefined);
      }
    };
    const wantedBytes = Math.min(maxBytes, piece.minBytes ?? Infinity);
    const bytes = maxBytes === 0 ? 0 : await transfer.read({ ...piece, onBytes }, this.#limit);
    if (this.#failure !== undefined) throw this.#failure;
    const isCut = bytes < wantedBytes;
    if (isCut && Number.isFinite(this.#endsAt)) throw new Error('the file ended early');
    if (this.#position === this.#endsAt || isCut) await this.#finish(transfer);
    return this.#position - from;
  }

  /** All is read: whoever reads on gets the transfer. Throws if the file is no longer the one that was read. */
  async #finish(transfer: FtpTransfer): Promise<void> {
    this.#transfer = undefined;
    const { size = this.#position } = transfer.file.stat;
    if (this.#position === size) await transfer.finish(this.#request);
    else if (this.#after?.give(transfer) === true) await transfer.compareBeside(this.#request);
    else await transfer.abandon(this.#request);
    this.#end();
  }

  /** All bytes are there, and what came after them failed. */
  async #compareVersion(): Promise<void> {
    const [request, stat] = [this.#request, this.#stat];
    this.#after?.end();
    if (stat === undefined) return;
    await this.#host.run(request, async (session, endsAtMs) => {
      const path = await session.absolute(this.#path, endsAtMs);
      await this.#host.compare(session, { path, stat, isSizeSure: false }, request, endsAtMs);
    });
    this.#end();
  }

  /** That of the read before, or another one. */
  async #nextTransfer(): Promise<FtpTransfer> {
    const transfer = (await this.#takeOver()) ?? (await this.#open(this.#position, this.#stat)).transfer;
    if (this.#failure !== undefined) void transfer?.abandon();
    if (transfer === undefined) throw new Error('the file ended early');
    return transfer;
  }

  /** The reader of the part before may have stopped: then it is not waited for. */
  async #takeOver(): Promise<FtpTransfer | undefined> {
    const [before, handedOver] = [this.#before, this.#handedOver];
    if (before === undefined) return undefined;
    this.#handedOver = undefined;
    const patienceMs = Math.max(1, this.#host.server.timeoutMs / 3);
    const watch = setInterval(() => {
      if (performance.now() - this.#progress.atMs >= patienceMs) before.leave();
    }, patienceMs);
    const transfer = await handedOver;
    clearInterval(watch);
    this.#before = undefined;
    return transfer;
  }

  async #open(start: number, resumed?: FtpStat): Promise<OpenedRange> {
    const [host, path, request] = [this.#host, this.#path, this.#request];
    const range = { start, end: this.#endsAt };
    return await openTransfer({ host, path, request, range, isShared: this.#after !== undefined, resumed });
  }

  /** Throws if it is not worth another try. */
  async #noteFailure(error: unknown): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { url, signal } = this.#request;
    const failure = failureOf(error, url, signal);
    const hasProgressed = this.#position - this.#progressedFrom >= MIN_PROGRESS_BYTES;
    this.#progressedFrom = this.#position;
    this.#failures = hasProgressed ? 1 : this.#failures + 1;
    // Without a version, nothing says that the rest is of the same one.
    const mayResume = this.#host.hasRanges && this.#stat !== undefined && etagOf(this.#stat) !== undefined;
    const isHopeless = !mayResume || this.#failures > this.#host.retries || this.#limit.leftMs === 0;
    if (isHopeless || !isRetryable(failure)) {
      this.#end(failure);
      throw failure;
    }
    // The first is that the server has ended an idle transfer.
    if (this.#failures > 1) await sleep(BACKOFF_MS * 2 ** this.#failures);
  }

  #drop(): void {
    void this.#transfer?.abandon();
    this.#transfer = undefined;
  }

  #end(failure?: SourceError): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.#drop();
    if (failure !== undefined) this.#after?.end();
  }
}
