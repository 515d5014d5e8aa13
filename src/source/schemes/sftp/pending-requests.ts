import { MalformedPacket, PacketReader, REPLY, STATUS } from './packet.js';
import type { RequestCounts } from './request-counts.js';
import { LateAnswer, StatusError } from './sftp-failure.js';

/** Less is a server that keeps its readers waiting. */
const MIN_BYTES_PER_MS = 1.024;
const TICKS_PER_TIMEOUT = 24;
const MAX_TICK_MS = 250;
const MAX_ID = 0xffffffff;

/** One READ. After its end, or when it is cancelled, nothing of it is called. */
export interface ReadRequest {
  readonly handle: Buffer;
  readonly offset: number;
  readonly length: number;
  isCancelled: boolean;
  /** As `performance.now()` says. */
  sentAtMs?: number;
  /** Others go first. */
  isBackground(): boolean;
  /** It was sent. */
  sent(): void;
  /** The next bytes of the answer, which are the caller's no longer than that. */
  take(bytes: Uint8Array): void;
  /** So many bytes have come, perhaps fewer than were asked for; 0: the file ends before `offset`. */
  done(bytes: number): void;
  fail(error: unknown): void;
}

interface Pending {
  /** The type of the reply. A STATUS may come in its place. */
  readonly expected: number;
  readonly dueMs: number;
  readonly read: ReadRequest | undefined;
  readonly resolve: (fields: Buffer) => void;
  readonly reject: (error: unknown) => void;
  /** Of a read. */
  receivedBytes: number;
}

/** The requests of a session that are sent and not answered. Each has a deadline, and so has the silence of the server. */
export class PendingRequests {
  readonly #timeoutMs: number;
  readonly #counts: RequestCounts;
  readonly #onLate: (error: LateAnswer) => void;
  readonly #onReadEnd: (read: ReadRequest) => void;
  readonly #requests = new Map<number, Pending>();
  #nextId = 0;
  #receivedMs = 0;
  #ticking: NodeJS.Timeout | undefined;
  #end: { readonly error: unknown } | undefined;

  /** `onLate` is to close the session. `onReadEnd`: also of one that is cancelled. */
  constructor(
    timeoutMs: number,
    counts: RequestCounts,
    onLate: (error: LateAnswer) => void,
    onReadEnd: (read: ReadRequest) => void,
  ) {
    this.#timeoutMs = timeoutMs;
    this.#counts = counts;
    this.#onLate = onLate;
    this.#onReadEnd = onReadEnd;
  }

  get isClosed(): boolean {
    return this.#end !== undefined;
  }

  /** `aheadBytes`: of content that comes before the answer. Resolves to the fields of the reply. */
  add(expected: number, aheadBytes: number, send: (id: number) => void): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const dueMs = this.#dueMs(aheadBytes);
      this.#add({ expected, dueMs, read: undefined, resolve, reject, receivedBytes: 0 }, send);
    });
  }

  addRead(read: ReadRequest, aheadBytes: number, send: (id: number) => void): void {
    const dueMs = this.#dueMs(aheadBytes + read.length);
    const reject = (error: unknown): void => this.#endRead(read, () => read.fail(error));
    const resolve = (): void => undefined;
    this.#add({ expected: REPLY.DATA, dueMs, read, resolve, reject, receivedBytes: 0 }, send);
  }

  /** The server has sent something. */
  noteReceived(): void {
    this.#receivedMs = performance.now();
  }

  /** Content begins to come. */
  beginData(id: number, bytes: number): void {
    const read = this.#requests.get(id)?.read;
    if (read === undefined) throw new MalformedPacket('content that was not asked for');
    if (bytes === 0 || bytes > read.length)
      throw new MalformedPacket(`${bytes} bytes where ${read.length} were asked for`);
  }

  takeData(id: number, part: Uint8Array): void {
    const pending = this.#requests.get(id);
    if (pending === undefined) return;
    pending.receivedBytes += part.byteLength;
    this.#counts.noteContent(part.byteLength);
    if (pending.read?.isCancelled === false) pending.read.take(part);
  }

  endData(id: number): void {
    const { read, receivedBytes = 0 } = this.#requests.get(id) ?? {};
    this.#requests.delete(id);
    this.#counts.noteReply();
    if (read !== undefined) this.#endRead(read, () => read.done(receivedBytes));
  }

  reply(id: number, type: number, fields: Buffer): void {
    const pending = this.#requests.get(id);
    if (pending === undefined) throw new MalformedPacket('an answer that was not asked for');
    if (type !== REPLY.STATUS && type !== pending.expected)
      throw new MalformedPacket(`an answer of type ${type} instead of ${pending.expected}`);
    if (type !== REPLY.STATUS) {
      this.#requests.delete(id);
      this.#counts.noteReply();
      pending.resolve(fields);
      return;
    }
    const reader = new PacketReader(fields);
    const status = reader.uint32();
    // Some servers send no text.
    const message = reader.isAtEnd ? '' : reader.string().toString();
    if (status === STATUS.OK && pending.expected !== REPLY.STATUS)
      throw new MalformedPacket(`OK instead of an answer of type ${pending.expected}`);
    this.#requests.delete(id);
    this.#counts.noteReply(status);
    const { read } = pending;
    if (status === STATUS.OK) pending.resolve(fields);
    else if (status === STATUS.EOF && read !== undefined) this.#endRead(read, () => read.done(0));
    else pending.reject(new StatusError(status, message));
  }

  close(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    clearInterval(this.#ticking);
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of requests) {
      this.#counts.noteFailure(error);
      reject(error);
    }
  }

  #dueMs(aheadBytes: number): number {
    return performance.now() + this.#timeoutMs + aheadBytes / MIN_BYTES_PER_MS;
  }

  #add(pending: Pending, send: (id: number) => void): void {
    if (this.#end !== undefined) {
      pending.reject(this.#end.error);
      return;
    }
    if (this.#requests.size === 0) this.noteReceived();
    const tickMs = Math.min(MAX_TICK_MS, this.#timeoutMs / TICKS_PER_TIMEOUT);
    this.#ticking ??= setInterval(() => this.#tick(), tickMs);
    const id = this.#nextId;
    this.#nextId = id === MAX_ID ? 0 : id + 1;
    this.#requests.set(id, pending);
    send(id);
  }

  #endRead(read: ReadRequest, report: () => void): void {
    if (!read.isCancelled) report();
    this.#onReadEnd(read);
  }

  #tick(): void {
    if (this.#requests.size === 0) {
      clearInterval(this.#ticking);
      this.#ticking = undefined;
      return;
    }
    const nowMs = performance.now();
    const isSilent = nowMs - this.#receivedMs >= this.#timeoutMs;
    if (!isSilent && ![...this.#requests.values()].some(({ dueMs }) => nowMs >= dueMs)) return;
    this.#onLate(new LateAnswer(isSilent ? 'no byte within the deadline' : 'none within the deadline'));
  }
}
