/**
 * One FUSE connection: reads requests, runs them concurrently on the main thread, so that INTERRUPT gets through, and replies to
 * each exactly once, by gathered writes of views of cached blocks; long ones on another thread.
 */
import { constants } from 'node:os';

import type { AccessedPlace } from '../access-log.js';
import { MountActivity, type RunningOperation } from '../mount-activity.js';
import type { MountEnd } from '../transport.js';
import type { FuseDevice } from './fuse-device.js';
import { InterruptedRequests, type InterruptOptions } from './interrupted-requests.js';
import {
  INIT_FLAG,
  INIT_FLAG2,
  KERNEL_MINOR_VERSION,
  KERNEL_VERSION,
  NOTIFY,
  OLDEST_MINOR_VERSION,
  OPCODE,
  operationName,
  PAGE_BYTES,
  WRITING_OPCODES,
} from './protocol.js';
import { encodeHeader, encodeInit } from './reply-codec.js';
import { RequestCaller } from './request-caller.js';
import { type Resolvers, withResolvers } from '../../with-resolvers.js';
import {
  decodeBatchForget,
  decodeForget,
  decodeInit,
  decodeInterrupt,
  decodeRequest,
  type Forget,
  type FuseRequest,
  MalformedRequestError,
} from './request-codec.js';

export type Reply = (payload: readonly Uint8Array[]) => void;
/** Undefined: it has sent the payload. Else another thread reads it, until that resolves. */
export type ReplyWithContent = (payload: readonly Uint8Array[]) => Promise<void> | undefined;

/** Runs requests. */
export interface RequestHandler {
  /**
   * Runs the request, and calls `reply`, which has sent the payload when it returns, or `replyWithContent` once. The reply to what it throws,
   * or rejects with, is an errno. True: it has replied; false: this opcode is not implemented (ENOSYS).
   */
  handle(
    request: FuseRequest,
    caller: RequestCaller,
    reply: Reply,
    replyWithContent: ReplyWithContent,
  ): Promise<void> | boolean;
  forget(forget: Forget): void;
  /** The positive errno for a failure, which it may log. */
  errnoOf(request: FuseRequest, error: unknown): number;
  /** For the access log. Undefined: it is not to be logged. */
  placeOf(request: FuseRequest): AccessedPlace | undefined;
}

/** So much takes longer to be copied than to be handed to another thread. */
const MIN_LATER_BYTES = 256 * 1024;
/** Of a READ. */
const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_READAHEAD_BYTES = 4 * 1024 * 1024;
/**
 * How many reads of pages the kernel has in flight at once, for all files together: those of a server that hangs
 * must not keep it from sending others.
 */
const MAX_BACKGROUND = 4096;
/** From so many on the kernel does not read ahead. */
const CONGESTION_THRESHOLD = 96;

export interface FuseSessionOptions {
  readonly passthrough: boolean;
  /** Whether requests carry the user (`--allow-other`). */
  readonly isShared: boolean;
  readonly interrupts: Partial<InterruptOptions>;
  readonly activity: MountActivity;
  /** Of a connection that another process has served. */
  readonly resumed: Agreement | undefined;
}

/** The kernel speaks a version of the FUSE protocol that we do not. */
export class ProtocolVersionError extends Error {
  override readonly name = 'ProtocolVersionError';
  readonly code = 'PROTOCOL_VERSION';

  constructor(kernel: { readonly major: number; readonly minor: number }) {
    const ours = `${KERNEL_VERSION}.${OLDEST_MINOR_VERSION} to ${KERNEL_VERSION}.${KERNEL_MINOR_VERSION}`;
    super(`FUSE protocol: the kernel speaks ${kernel.major}.${kernel.minor}, d7y-mount speaks ${ours}`);
  }
}

/** What was agreed upon. */
export interface Agreement {
  readonly minor: number;
  /** The kernel's own, which may be newer. */
  readonly kernelMinor: number;
  readonly passthrough: boolean;
  /** The kernel can send the requests once more that another process has read. */
  readonly resend: boolean;
}

export class FuseSession {
  readonly #device: FuseDevice;
  readonly #handler: RequestHandler;
  readonly #options: FuseSessionOptions;
  readonly #running = new Map<number, RequestCaller>();
  readonly #interrupted: InterruptedRequests;
  readonly #agreed: Resolvers<Agreement>;
  /** Set when another process is to go on: resolves when all requests are answered. */
  #drained: Resolvers<void> | undefined;
  /** Requests that are running are left to another process. */
  #isLeft = false;

  constructor(device: FuseDevice, handler: RequestHandler, options: Partial<FuseSessionOptions> = {}) {
    this.#device = device;
    this.#handler = handler;
    const activity = new MountActivity();
    this.#options = {
      passthrough: true,
      isShared: false,
      interrupts: {},
      activity,
      resumed: undefined,
      ...options,
    };
    this.#options.activity.interrupts = 0;
    this.#interrupted = new InterruptedRequests(this.#options.interrupts);
    this.#agreed = withResolvers();
    // Without a waiter its failure is none of the process.
    this.#agreed.promise.catch(() => undefined);
    if (this.#options.resumed !== undefined) this.#agreed.resolve(this.#options.resumed);
  }

  /**
   * Resolves once the kernel and we have agreed on how to talk. Rejects with a `ProtocolVersionError` if we cannot, and with
   * another error if the connection ends before.
   */
  get agreement(): Promise<Agreement> {
    return this.#agreed.promise;
  }

  /** Serves until the connection ends, or is handed over. Rejects if the device fails. */
  async serve(): Promise<MountEnd> {
    let how: 'ended' | 'aborted';
    try {
      // Before any request is read: one that runs would be sent once more, too.
      if (this.#options.resumed !== undefined) await this.#device.notify(encodeHeader(0, -NOTIFY.RESEND, 0));
      how = await this.#device.serve((message) => {
        const request = decodeRequest(message);
        // The message lies in memory that the next one fills: all of it is decoded synchronously.
        if (request !== undefined) this.#dispatch(request);
        return this.#running.size > 1;
      });
    } finally {
      this.#agreed.reject(new Error('the connection to the kernel ended before INIT'));
    }
    await this.#drained?.promise;
    this.#isLeft = this.#drained !== undefined;
    for (const caller of this.#running.values()) caller.interrupt();
    if (this.#isLeft) return 'handed over';
    return how === 'aborted' ? how : 'unmounted';
  }

  /**
   * Reads no more requests, which ends `serve` once those that run are answered, after `limitMs` at the latest: what is not
   * answered then the kernel sends to the process that goes on.
   */
  handOver(limitMs: number): void {
    const drained = withResolvers<void>();
    this.#drained = drained;
    this.#device.stop();
    if (this.#isDrained) drained.resolve();
    setTimeout(drained.resolve, limitMs).unref();
  }

  /** What follows a log has no end. */
  get #isDrained(): boolean {
    return [...this.#running.values()].every(({ isFollowing }) => isFollowing);
  }

  #dispatch(request: FuseRequest): void {
    try {
      switch (request.opcode) {
        case OPCODE.INIT:
          this.#init(request);
          return;
        case OPCODE.FORGET:
          this.#handler.forget(decodeForget(request.nodeId, request.body));
          return;
        case OPCODE.BATCH_FORGET:
          for (const forget of decodeBatchForget(request.body)) this.#handler.forget(forget);
          return;
        case OPCODE.INTERRUPT:
          this.#interrupt(request);
          return;
        case OPCODE.DESTROY:
          this.#reply(request, 0, []);
          return;
        default:
          this.#run(request);
      }
    } catch (error) {
      if (!(error instanceof MalformedRequestError)) throw error;
      if (request.opcode === OPCODE.INIT) this.#agreed.reject(error);
      // FORGET has no reply.
      if (request.opcode !== OPCODE.FORGET && request.opcode !== OPCODE.BATCH_FORGET) {
        this.#reply(request, this.#handler.errnoOf(request, error), []);
      }
    }
  }

  #run(request: FuseRequest): void {
    if (WRITING_OPCODES.has(request.opcode)) {
      this.#reply(request, constants.errno.EROFS, []);
      return;
    }
    const caller = new RequestCaller(request.pid, this.#options.isShared ? request.uid : undefined);
    const { activity } = this.#options;
    const running = activity.begin(operationName(request.opcode), caller);
    const place = activity.accessLog.isFollowed ? this.#handler.placeOf(request) : undefined;
    /** False: another process replies. */
    const end = (errno: number, payload: readonly Uint8Array[]): boolean => {
      activity.end(running, errno);
      if (place !== undefined) this.#log(request, caller, place, running, errno, payload);
      return !this.#isLeft;
    };
    const finish = (): void => {
      this.#running.delete(request.unique);
      this.#interrupted.delete(caller);
      if (this.#drained !== undefined && this.#isDrained) this.#drained.resolve();
    };
    const settle = (errno: number, payload: readonly Uint8Array[]): void => {
      if (end(errno, payload)) this.#reply(request, errno, payload);
      finish();
    };
    const settleWithContent: ReplyWithContent = (payload) => {
      const copying = end(0, payload) ? this.#replyWithContent(request, payload) : undefined;
      if (copying === undefined) finish();
      return copying?.finally(finish);
    };
    this.#running.set(request.unique, caller);
    const fail = (error: unknown): void => {
      const { EINTR } = constants.errno;
      settle(caller.isInterrupted ? EINTR : this.#handler.errnoOf(request, error), []);
    };
    try {
      const reply: Reply = (payload) => settle(0, payload);
      const work = this.#handler.handle(request, caller, reply, settleWithContent);
      if (work === false) settle(constants.errno.ENOSYS, []);
      else if (work !== true) work.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #log(
    { pid, uid }: FuseRequest,
    { route }: RequestCaller,
    place: AccessedPlace,
    { operation, startedMs }: RunningOperation,
    errno: number,
    payload: readonly Uint8Array[],
  ): void {
    const { path, offset, length } = place;
    const read =
      length === undefined || errno !== 0 ? { offset, length } : { offset, length: bytesOf(payload) };
    const ms = performance.now() - startedMs;
    this.#options.activity.accessLog.add({ operation, path, ...read, errno, ms, pid, uid, route });
  }

  /** A request that we have not read yet is not known: EAGAIN makes the kernel say it again. */
  #interrupt(request: FuseRequest): void {
    const caller = this.#running.get(decodeInterrupt(request.body));
    if (caller === undefined) this.#reply(request, constants.errno.EAGAIN, []);
    else {
      const { activity } = this.#options;
      activity.interrupts = (activity.interrupts ?? 0) + 1;
      this.#interrupted.add(caller);
    }
  }

  #init(request: FuseRequest): void {
    const offered = decodeInit(request.body);
    if (offered.major !== KERNEL_VERSION || offered.minor < OLDEST_MINOR_VERSION) {
      this.#reply(request, constants.errno.EPROTO, []);
      this.#agreed.reject(new ProtocolVersionError(offered));
      return;
    }
    const minor = Math.min(offered.minor, KERNEL_MINOR_VERSION);
    const hasExtension = (offered.flags & INIT_FLAG.INIT_EXT) !== 0;
    const wanted = Object.values(INIT_FLAG).reduce((flags, flag) => flags | flag, 0);
    const passthrough =
      this.#options.passthrough && hasExtension && (offered.flags2 & INIT_FLAG2.PASSTHROUGH) !== 0;
    const payload = encodeInit({
      minor,
      maxReadahead: Math.max(offered.maxReadahead, MAX_READAHEAD_BYTES),
      flags: (offered.flags & wanted) >>> 0,
      flags2: (offered.flags2 & INIT_FLAG2.DIRECT_IO_ALLOW_MMAP) | (passthrough ? INIT_FLAG2.PASSTHROUGH : 0),
      maxBackground: MAX_BACKGROUND,
      congestionThreshold: CONGESTION_THRESHOLD,
      maxWrite: PAGE_BYTES,
      maxPages: MAX_REQUEST_BYTES / PAGE_BYTES,
      maxStackDepth: passthrough ? 1 : 0,
    });
    this.#reply(request, 0, [payload]);
    const resend = hasExtension && (offered.flags2 & INIT_FLAG2.HAS_RESEND) !== 0;
    this.#agreed.resolve({ minor, kernelMinor: offered.minor, passthrough, resend });
  }

  #replyWithContent(request: FuseRequest, payload: readonly Uint8Array[]): Promise<void> | undefined {
    const bytes = bytesOf(payload);
    if (bytes >= MIN_LATER_BYTES) {
      return this.#device.replyLater([encodeHeader(request.unique, 0, bytes, request.isResent), ...payload]);
    }
    this.#reply(request, 0, payload);
    return undefined;
  }

  #reply(request: FuseRequest, errno: number, payload: readonly Uint8Array[]): void {
    const header = encodeHeader(request.unique, errno, bytesOf(payload), request.isResent);
    this.#device.reply([header, ...payload]);
  }
}

function bytesOf(payload: readonly Uint8Array[]): number {
  return payload.reduce((bytes, part) => bytes + part.byteLength, 0);
}
