/** A body that several READs at a time bring, so that latency does not rule. It goes on after a lost connection. */
import { setTimeout as sleep } from 'node:timers/promises';

import { type BodyReader, type BodyTarget, bytesOf } from '../../body-target.js';
import type { ByteRange } from '../../byte-range.js';
import { ChangedError, InterruptedError, type SourceError } from '../../errors.js';
import { isRetryable } from '../../http/http-failure.js';
import type { Request } from '../../request.js';
import { newResponse, type Response } from '../../response.js';
import { TargetCursor } from '../../target-cursor.js';
import type { Attributes } from './attributes.js';
import { etagOf, isSameVersion, shownVersion } from './file-version.js';
import type { Lease } from './host-sessions.js';
import type { OpenFile } from './open-files.js';
import { Part } from './part.js';
import { failureOf } from './sftp-failure.js';
import { pathOf } from './sftp-path.js';
import type { WithSession } from './with-session.js';

/** In flight for one body. */
const MAX_WINDOW_BYTES = 2 * 1024 * 1024;
/** At first, beyond what is read: a reader may leave after a few bytes. */
const FIRST_WINDOW_BYTES = 64 * 1024;
const MAX_RESUMES = 3;
const RESUME_AFTER_MS = 200;

interface LeasedFile extends OpenFile, Lease {}

export async function openSftpBody(request: Request, withSession: WithSession): Promise<Response> {
  const file = await openFile(request, withSession);
  const { size = 0 } = file.attributes;
  const start = Math.min(request.range?.start ?? 0, size);
  const end = Math.max(start, Math.min(request.range?.end ?? Infinity, size));
  const body = new SftpBody(request, { start, end }, file, withSession);
  return newResponse(body, {
    header: () => headerOf(file.attributes),
    contentLength: end - start,
    offset: start,
    cancel: () => body.cancel(),
  });
}

async function openFile(
  request: Pick<Request, 'url' | 'pin' | 'signal'>,
  withSession: WithSession,
): Promise<LeasedFile> {
  const path = pathOf(request.url);
  return await withSession(request, async (lease) => {
    const file = await lease.session.files.open(path, request);
    return {
      session: lease.session,
      handle: file.handle,
      attributes: file.attributes,
      release: () => {
        file.release();
        lease.release();
      },
    };
  });
}

function headerOf(attributes: Attributes): Headers {
  const etag = etagOf(attributes);
  const { mtime } = attributes;
  return new Headers({
    ...(etag === undefined ? {} : { etag }),
    ...(mtime === undefined ? {} : { 'last-modified': new Date(mtime * 1000).toUTCString() }),
  });
}

interface Reading {
  readonly target: BodyTarget;
  readonly cursor: TargetCursor;
  /** Of the file, where the target begins. */
  readonly start: number;
  readonly bytes: number;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

class SftpBody implements BodyReader {
  readonly #request: Request;
  readonly #withSession: WithSession;
  readonly #version: Attributes;
  readonly #start: number;
  readonly #end: number;
  #file: LeasedFile;
  /** What was asked for and not handed over, in the order of the file. */
  readonly #parts: Part[] = [];
  /** From where nothing was asked for. */
  #asked: number;
  /** Up to where all was handed over. */
  #position: number;
  #reading: Reading | undefined;
  /** That the file is still the version, asked for behind the last READ. */
  #check: Promise<void> | undefined;
  #isChecked = false;
  #isResuming = false;
  #resumes = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(request: Request, { start, end }: ByteRange, file: LeasedFile, withSession: WithSession) {
    this.#request = request;
    this.#withSession = withSession;
    this.#version = file.attributes;
    this.#file = file;
    this.#start = start;
    this.#end = end;
    this.#asked = start;
    this.#position = start;
    if (start === end) {
      this.#isChecked = true;
      file.release();
      return;
    }
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (request.signal?.aborted === true) this.cancel();
  }

  readonly #onAbort = (): void => this.cancel();

  read(target: BodyTarget): Promise<number> {
    return new Promise((resolve, reject) => {
      const cursor = new TargetCursor(target);
      const bytes = bytesOf(target.pieces);
      this.#reading = { target, cursor, start: this.#position, bytes, resolve, reject };
      this.#advance();
    });
  }

  cancel(): void {
    this.#fail(new InterruptedError(this.#request.url, this.#request.signal?.reason));
  }

  /** Hands over what is there, asks for what is next, and settles what is complete. */
  #advance(): void {
    this.#handOver();
    this.#ask();
    const reading = this.#reading;
    if (reading === undefined) return;
    const isAtEnd = this.#position === this.#end;
    if (isAtEnd && !this.#isChecked && this.#failure === undefined) {
      this.#checkVersion();
      return;
    }
    if (this.#failure !== undefined || isAtEnd || reading.cursor.isEnough) this.#settle(reading);
  }

  #settle({ cursor, resolve, reject }: Reading): void {
    this.#reading = undefined;
    // The memory is the reader's again.
    for (const part of this.#parts) part.leaveTarget();
    if (this.#failure !== undefined && !cursor.isEnough) reject(this.#failure.error);
    else resolve(cursor.bytes);
  }

  #handOver(): void {
    const cursor = this.#reading?.cursor;
    if (cursor === undefined) return;
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      this.#position += part.handOver(cursor);
      if (!part.isHandedOver) return;
      this.#parts.shift();
    }
  }

  #ask(): void {
    if (this.#failure !== undefined || this.#isResuming) return;
    const { channel } = this.#file.session;
    const reading = this.#reading;
    const targetEnd = reading === undefined ? this.#position : reading.start + reading.bytes;
    const isGrown = 2 * (this.#position - this.#start) + FIRST_WINDOW_BYTES;
    const ahead = Math.min(MAX_WINDOW_BYTES, isGrown);
    const until = Math.min(this.#end, Math.max(targetEnd, this.#position + ahead));
    while (this.#asked < until && this.#asked - this.#position < MAX_WINDOW_BYTES) {
      const isForTarget = this.#asked < targetEnd;
      const limit = isForTarget ? Math.min(until, targetEnd) : until;
      const length = Math.min(channel.chunkBytes, limit - this.#asked);
      const part = new Part(this.#asked, length);
      if (isForTarget && reading !== undefined) part.enterTarget(reading.target, this.#asked - reading.start);
      this.#parts.push(part);
      this.#asked += length;
      this.#send(part);
    }
    if (this.#asked === this.#end && this.#check === undefined && this.#parts.length > 0)
      void this.#startCheck();
  }

  #send(part: Part): void {
    const { session, handle } = this.#file;
    part.send(session.channel, handle, {
      isBackground: () =>
        this.#request.priority === 'background' && this.#request.promotion?.isPromoted !== true,
      onBytes: () => {
        if (this.#parts[0] === part) this.#progress();
      },
      onShort: () => {
        // The rest is asked for behind the check.
        this.#check = undefined;
        this.#send(part);
      },
      onEnd: () => this.#fail(this.#changed('the file ends early')),
      onError: (error) => void this.#resume(error),
    });
  }

  #progress(): void {
    this.#resumes = 0;
    this.#advance();
  }

  #checkVersion(): void {
    if (this.#isResuming) return;
    const check = this.#check ?? this.#startCheck();
    check.then(
      () => {
        if (check !== this.#check) return;
        this.#isChecked = true;
        this.#request.signal?.removeEventListener('abort', this.#onAbort);
        this.#file.release();
        this.#advance();
      },
      (error: unknown) => {
        if (check !== this.#check) return;
        this.#check = undefined;
        void this.#resume(error);
      },
    );
  }

  #startCheck(): Promise<void> {
    const { session, handle } = this.#file;
    const check = session.channel.fstat(handle).then((now) => {
      if (!isSameVersion(now, this.#version)) throw this.#changed(shownVersion(now));
    });
    check.catch(() => undefined);
    this.#check = check;
    return check;
  }

  /** Asks another session for what is missing. */
  async #resume(cause: unknown): Promise<void> {
    if (this.#isResuming || this.#failure !== undefined) return;
    const { url, signal } = this.#request;
    const failure = failureOf(cause, url, signal);
    this.#resumes += 1;
    if (!isRetryable(failure) || this.#resumes > MAX_RESUMES) {
      this.#fail(failure);
      return;
    }
    this.#isResuming = true;
    this.#check = undefined;
    for (const part of this.#parts) part.stop();
    this.#file.release();
    try {
      if (this.#resumes > 1) await sleep(RESUME_AFTER_MS * this.#resumes, undefined, signal && { signal });
      const pin = { contentLength: this.#version.size ?? 0 };
      const file = await openFile({ url, pin, signal }, this.#withSession);
      if (this.#isOver) {
        file.release();
        return;
      }
      this.#file = file;
      if (!isSameVersion(file.attributes, this.#version)) throw this.#changed(shownVersion(file.attributes));
    } catch (error) {
      this.#fail(failureOf(error, url, signal));
      return;
    }
    this.#isResuming = false;
    for (const part of this.#parts) if (!part.isComplete) this.#send(part);
    this.#advance();
  }

  get #isOver(): boolean {
    return this.#failure !== undefined;
  }

  #fail(error: SourceError): void {
    if (this.#failure !== undefined || this.#isChecked) return;
    this.#failure = { error };
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    for (const part of this.#parts) part.stop();
    this.#parts.length = 0;
    this.#file.release();
    if (this.#reading !== undefined) this.#settle(this.#reading);
  }

  #changed(found: string): ChangedError {
    return new ChangedError(this.#request.url, { expected: shownVersion(this.#version), found });
  }
}
