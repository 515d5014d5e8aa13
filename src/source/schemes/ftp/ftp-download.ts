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
import { etagOf } from './ftp-stat.js';
import type { ReadPart, TransferredFile } from './running-read.js';
import { TransferOver } from './ftp-transfer.js';
import { type OpenedPart, openPart } from './open-part.js';

/** Less is no progress. */
const MIN_PROGRESS_BYTES = 1024;
const BACKOFF_MS = 100;

export async function download(host: FtpHost, path: FtpPath, request: Request): Promise<Response> {
  const opened = await openPart(host, path, request, request.range ?? { start: 0, end: Infinity });
  const body = new FtpDownload(host, path, request, opened);
  const { file, start } = opened;
  const { stat } = file;
  const etag = etagOf(stat);
  return newResponse(body, {
    header: () =>
      new Headers(etag === undefined ? {} : { etag, 'last-modified': httpDate(stat.modifiedMs ?? 0) }),
    contentLength: Number.isFinite(body.end) ? body.end - start : -1,
    offset: start,
    cancel: () => body.cancel(),
  });
}

class FtpDownload implements BodyReader {
  readonly end: number;
  readonly #host: FtpHost;
  readonly #path: FtpPath;
  readonly #request: Request;
  readonly #file: TransferredFile;
  readonly #limit: LowSpeedLimit;
  /** Without it, nothing says that the rest is of the same version. */
  readonly #mayResume: boolean;
  #part: ReadPart | undefined;
  #position: number;
  #progressedFrom: number;
  #failures = 0;
  #isOver: boolean;
  #failure: unknown;
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => this.cancel();

  constructor(host: FtpHost, path: FtpPath, request: Request, { file, start, end, part }: OpenedPart) {
    this.#host = host;
    this.#path = path;
    this.#request = request;
    this.#file = file;
    this.#limit = host.newLimit();
    this.#mayResume = host.server.traits.restarts === true && etagOf(file.stat) !== undefined;
    this.#part = part;
    this.#position = start;
    this.#progressedFrom = start;
    this.#isOver = part === undefined;
    this.end = end;
    if (request.signal?.aborted === true) this.cancel();
    else request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  cancel(): void {
    this.#stop.abort();
    this.#failure ??= new InterruptedError(this.#request.url, this.#request.signal?.reason);
    this.#leave();
  }

  async read(target: BodyTarget): Promise<number> {
    if (this.#isOver) return 0;
    if (this.#failure !== undefined) throw this.#failure;
    const from = this.#position;
    for (;;) {
      try {
        return await this.#readPart(target, from);
      } catch (error) {
        this.#leave();
        await this.#noteFailure(error);
      }
    }
  }

  async #readPart(target: BodyTarget, from: number): Promise<number> {
    if (this.#part === undefined && this.#position === this.end) {
      await this.#checkVersion();
      return this.#position - from;
    }
    const part = (this.#part ??= await this.#reopen());
    const before = this.#position;
    const maxBytes = Math.min(bytesOf(target.pieces) - (before - from), this.end - before);
    const piece = partOf(target, before - from, maxBytes);
    const onBytes = (bytes: number): void => {
      this.#position = before + bytes;
      piece.onBytes?.(bytes);
    };
    const wantedBytes = Math.min(maxBytes, piece.minBytes ?? Infinity);
    const bytes = maxBytes === 0 ? 0 : await part.read({ ...piece, onBytes }, this.#limit);
    this.#stop.signal.throwIfAborted();
    const isCut = bytes < wantedBytes;
    if (isCut && Number.isFinite(this.end)) throw new Error('the file ended early');
    if (this.#position === this.end || isCut) {
      await part.finish(this.#position, this.#request);
      this.#part = undefined;
      this.#end();
    }
    return this.#position - from;
  }

  /** All bytes are there, and what came after them failed. */
  async #checkVersion(): Promise<void> {
    const request = this.#request;
    await this.#host.run(request, (session, endsAtMs) =>
      this.#host.check(session, this.#file, request, endsAtMs),
    );
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }

  /** Throws if it is not worth another try. */
  async #noteFailure(error: unknown): Promise<void> {
    // Another read has ended the transfer that this one was to go on with.
    if (error instanceof TransferOver && !this.#stop.signal.aborted && this.#mayResume) return;
    const failure = this.#failureOf(error);
    const hasProgressed = this.#position - this.#progressedFrom >= MIN_PROGRESS_BYTES;
    this.#progressedFrom = this.#position;
    this.#failures = hasProgressed ? 1 : this.#failures + 1;
    const isHopeless = !this.#mayResume || this.#failures > this.#host.retries || this.#limit.leftMs === 0;
    if (isHopeless || !isRetryable(failure)) {
      this.#failure ??= failure;
      this.#request.signal?.removeEventListener('abort', this.#onAbort);
      throw this.#failure;
    }
    // The first is that the server has ended an idle transfer.
    if (this.#failures > 1) await sleep(BACKOFF_MS * 2 ** this.#failures);
  }

  #failureOf(error: unknown): SourceError {
    const { url, signal } = this.#request;
    return this.#stop.signal.aborted
      ? new InterruptedError(url, signal?.reason)
      : failureOf(error, url, signal);
  }

  async #reopen(): Promise<ReadPart> {
    const range = { start: this.#position, end: this.end };
    const { part } = await openPart(this.#host, this.#path, this.#request, range, this.#file.stat);
    if (part === undefined) throw new Error('the file ended early');
    if (this.#stop.signal.aborted) part.drop();
    return part;
  }

  #leave(): void {
    this.#part?.drop();
    this.#part = undefined;
  }
}
