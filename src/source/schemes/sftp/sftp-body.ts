/** A body that several READs at a time bring, so that latency does not rule. It goes on after a lost connection. */
import { setTimeout as sleep } from 'node:timers/promises';

import { type BodyReader, type BodyTarget, bytesOf } from '../../body-target.js';
import type { ByteRange } from '../../byte-range.js';
import { ChangedError, InterruptedError, type SourceError } from '../../errors.js';
import { isRetryable } from '../../http/http-failure.js';
import type { Request } from '../../request.js';
import { newResponse, type Response } from '../../response.js';
import { TargetCursor } from '../../target-cursor.js';
import { etagOf, type FileVersion, isSameVersion, shownVersion } from './file-version.js';
import type { Lease } from './host-sessions.js';
import type { OpenFile } from './open-files.js';
import { Part } from './part.js';
import { failureOf, StatusError } from './sftp-failure.js';
import { pathOf } from './sftp-path.js';
import type { WithSession } from './with-session.js';

/** With more of the window asked for, nothing more is: several READs at a time cost little more than one. */
const REFILL_SHARE = 3 / 4;
/** Of so short a body nothing is handed over before the version was looked at behind it. */
const SHORT_BYTES = 64 * 1024;
/** At first, beyond what is read: a reader may leave after a few bytes. */
const FIRST_WINDOW_BYTES = 64 * 1024;
const MAX_RESUMES = 3;
const RESUME_AFTER_MS = 200;

interface LeasedFile extends OpenFile, Pick<Lease, 'session'> {}

export async function openSftpBody(request: Request, withSession: WithSession): Promise<Response> {
  const file = await openFile(request, withSession);
  const { size = 0 } = file.version;
  const start = Math.min(request.range?.start ?? 0, size);
  const end = Math.max(start, Math.min(request.range?.end ?? Infinity, size));
  const body = new SftpBody(request, { start, end }, file, withSession);
  return newResponse(body, {
    header: () => headerOf(file.version),
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
      version: file.version,
      release: (isAnother) => {
        file.release(isAnother);
        lease.release();
      },
    };
  });
}

function headerOf(version: FileVersion): Headers {
  const etag = etagOf(version);
  const { mtime } = version;
  return new Headers({
    ...(etag === undefined ? {} : { etag }),
    ...(mtime === undefined ? {} : { 'last-modified': new Date(mtime * 1000).toUTCString() }),
  });
}

interface Reading {
  readonly cursor: TargetCursor;
  /** Of the file, where the target ends. */
  readonly end: number;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

class SftpBody implements BodyReader {
  readonly #request: Request;
  readonly #withSession: WithSession;
  readonly #version: FileVersion;
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
  /** What is open is the version: nothing is handed over before. */
  #isVersion = false;
  /** That it still is, asked for behind the last READ. */
  #check: Promise<void> | undefined;
  #isChecked = false;
  /** All is handed over, and was checked. */
  #isDone = false;
  #isResuming = false;
  #resumes = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(request: Request, { start, end }: ByteRange, file: LeasedFile, withSession: WithSession) {
    this.#request = request;
    this.#withSession = withSession;
    this.#version = file.version;
    this.#file = file;
    this.#start = start;
    this.#end = end;
    this.#asked = start;
    this.#position = start;
    request.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (request.signal?.aborted === true) this.cancel();
  }

  readonly #onAbort = (): void => this.cancel();

  read(target: BodyTarget): Promise<number> {
    return new Promise((resolve, reject) => {
      const end = this.#position + bytesOf(target.pieces);
      this.#reading = { cursor: new TargetCursor(target), end, resolve, reject };
      this.#advance();
    });
  }

  cancel(): void {
    // Each body is cancelled when it is over, most of them after their end; an error takes its stack.
    if (this.#isOver) return;
    this.#fail(new InterruptedError(this.#request.url, this.#request.signal?.reason));
  }

  /** Hands over what is there, asks for what is next, and settles what is complete. */
  #advance(): void {
    this.#handOver();
    this.#ask();
    const reading = this.#reading;
    if (reading === undefined) return;
    const isAtEnd = this.#position === this.#end;
    if (isAtEnd && this.#isChecked) this.#finish();
    if (this.#failure !== undefined || (isAtEnd ? this.#isDone : reading.cursor.isEnough))
      this.#settle(reading);
  }

  #finish(): void {
    this.#isDone = true;
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    this.#file.release();
  }

  #settle({ cursor, resolve, reject }: Reading): void {
    this.#reading = undefined;
    if (this.#failure !== undefined && !cursor.isEnough) reject(this.#failure.error);
    else resolve(cursor.bytes);
  }

  #handOver(): void {
    const cursor = this.#reading?.cursor;
    if (cursor === undefined || !this.#isVersion) return;
    for (let [part] = this.#parts; part !== undefined; [part] = this.#parts) {
      this.#position += part.handOver(cursor);
      if (!part.isHandedOver) return;
      this.#parts.shift();
    }
  }

  #ask(): void {
    if (this.#failure !== undefined || this.#isResuming || this.#isDone) return;
    const { chunkBytes, windowBytes } = this.#file.session.channel;
    if (this.#asked - this.#position > REFILL_SHARE * windowBytes) return;
    const ahead = 2 * (this.#position - this.#start) + FIRST_WINDOW_BYTES;
    const wanted = Math.max(this.#reading?.end ?? 0, this.#position + ahead);
    const room = this.#position + windowBytes - this.#asked;
    const until = Math.min(this.#end, wanted, this.#asked + room - (room % chunkBytes));
    const isBegin = !this.#isVersion && this.#parts.length === 0;
    if (isBegin && this.#end - this.#asked > SHORT_BYTES) this.#lookAtVersion();
    while (this.#asked < until) {
      const part = new Part(this.#asked, Math.min(chunkBytes, until - this.#asked));
      this.#parts.push(part);
      this.#asked = part.end;
      this.#send(part);
    }
    this.#checkVersion();
  }

  #send(part: Part): void {
    const { session, handle } = this.#file;
    part.send(session.channel, handle, {
      isBackground: () =>
        this.#request.priority === 'background' && this.#request.promotion?.isPromoted !== true,
      onSent: () => this.#checkVersion(),
      onBytes: (bytes) => {
        const isNext = this.#isVersion && this.#parts[0] === part;
        this.#position += part.take(bytes, isNext ? this.#reading?.cursor : undefined);
        if (!isNext) return;
        this.#resumes = 0;
        this.#advance();
      },
      onShort: () => {
        // The rest is asked for, and the version behind it once more.
        this.#check = undefined;
        this.#isChecked = false;
        this.#send(part);
      },
      onEnd: () => this.#fail(this.#changed('the file ends early')),
      onError: (error) => void this.#onReadError(error),
    });
  }

  /** The version counts, if it is another one: a directory is opened as a file is, and cannot be read. */
  async #onReadError(cause: unknown): Promise<void> {
    let reason = cause;
    if (cause instanceof StatusError) {
      await this.#sameVersion().catch((changed: unknown) => {
        reason = changed;
      });
    }
    await this.#resume(reason);
  }

  async #sameVersion(): Promise<void> {
    const { session, handle } = this.#file;
    const now = await session.channel.fstat(handle);
    if (!isSameVersion(now, this.#version)) throw this.#changed(shownVersion(now));
  }

  #lookAtVersion(): void {
    const file = this.#file;
    this.#sameVersion().then(
      () => {
        if (file !== this.#file) return;
        this.#isVersion = true;
        this.#advance();
      },
      (error: unknown) => {
        if (file === this.#file) void this.#resume(error);
      },
    );
  }

  /** Behind the last READ, once all were sent. */
  #checkVersion(): void {
    if (this.#check !== undefined || this.#asked < this.#end) return;
    if (this.#parts.some(({ isWaiting }) => isWaiting)) return;
    const check = this.#sameVersion();
    this.#check = check;
    check.then(
      () => {
        if (check !== this.#check) return;
        this.#isVersion = true;
        this.#isChecked = true;
        this.#advance();
      },
      (error: unknown) => {
        if (check === this.#check) void this.#resume(error);
      },
    );
  }

  /** Asks another session for what was not handed over. */
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
    this.#isChecked = false;
    for (const part of this.#parts) part.stop();
    // What came and was not handed over may be of a file that was not looked at, and that the next session does not see.
    this.#parts.length = 0;
    this.#asked = this.#position;
    this.#isVersion = false;
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
      if (!isSameVersion(file.version, this.#version)) throw this.#changed(shownVersion(file.version));
    } catch (error) {
      this.#fail(failureOf(error, url, signal));
      return;
    }
    this.#isResuming = false;
    this.#advance();
  }

  get #isOver(): boolean {
    return this.#isDone || this.#failure !== undefined;
  }

  #fail(error: SourceError): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
    for (const part of this.#parts) part.stop();
    this.#parts.length = 0;
    this.#file.release(error instanceof ChangedError);
    if (this.#reading !== undefined) this.#settle(this.#reading);
  }

  #changed(found: string): ChangedError {
    return new ChangedError(this.#request.url, { expected: shownVersion(this.#version), found });
  }
}
