import { errnoName } from '../errno-name.js';
import { InterruptedError, redactPath } from '../source/index.js';

/** What a request of the kernel is about. */
export interface AccessedPlace {
  readonly path: string;
  readonly offset?: number | undefined;
  /** Bytes of a read: those that it got, or if it failed, requested. */
  readonly length?: number | undefined;
}

/** One request of the kernel, and how it went. */
export interface Access extends AccessedPlace {
  readonly operation: string;
  /** 0: it succeeded. */
  readonly errno: number;
  readonly ms: number;
  /** Undefined: the transport does not report it. */
  readonly pid?: number;
  readonly uid?: number;
  /** Of a read: where its bytes came from. */
  readonly route?: string | undefined;
}

/** More lines than a reader takes are dropped, and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** A line for each request of the kernel, as long as it is followed. docs/OPERATING.md has the fields. */
export class AccessLog {
  readonly #followers = new Set<AccessLogFollower>();

  get isFollowed(): boolean {
    return this.#followers.size > 0;
  }

  add(access: Access): void {
    if (this.#followers.size === 0) return;
    const line = Buffer.from(lineOf(access));
    for (const follower of this.#followers) follower.add(line);
  }

  /** The lines of what is requested from now on. */
  follow(maxWaitingBytes = MAX_WAITING_BYTES): AccessLogFollower {
    const follower = new AccessLogFollower(maxWaitingBytes, () => this.#followers.delete(follower));
    this.#followers.add(follower);
    return follower;
  }
}

export class AccessLogFollower {
  readonly #maxWaitingBytes: number;
  readonly #onClose: () => void;
  #lines: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;
  #isClosed = false;
  #isWaking = false;
  #waiters: (() => void)[] = [];

  constructor(maxWaitingBytes: number, onClose: () => void) {
    this.#maxWaitingBytes = maxWaitingBytes;
    this.#onClose = onClose;
  }

  add(line: Buffer): void {
    if (this.#bytes + line.byteLength > this.#maxWaitingBytes) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#bytes += line.byteLength;
    // The lines of one turn wake a reader once.
    if (this.#isWaking || this.#waiters.length === 0) return;
    this.#isWaking = true;
    setImmediate(() => this.#wake());
  }

  /** Waits for the next bytes; none: it was closed. Rejects with an `InterruptedError` when the signal fires. */
  async read(maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
    while (this.#bytes === 0 && !this.#isClosed) await this.#arrival(signal);
    return this.#take(maxBytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#onClose();
    this.#wake();
  }

  #take(maxBytes: number): Uint8Array {
    const all = Buffer.concat(this.#lines);
    const taken = all.subarray(0, maxBytes);
    const rest = all.subarray(taken.byteLength);
    this.#lines = rest.byteLength > 0 ? [rest] : [];
    this.#bytes = rest.byteLength;
    if (this.#dropped > 0) {
      const notice = Buffer.from(`# ${this.#dropped} lines were dropped: this reader is too slow\n`);
      this.#dropped = 0;
      this.#lines.push(notice);
      this.#bytes += notice.byteLength;
    }
    return taken;
  }

  #arrival(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== onArrival);
        reject(new InterruptedError('accesslog', signal?.reason));
      };
      const onArrival = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(onArrival);
    });
  }

  #wake(): void {
    this.#isWaking = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}

function lineOf({ operation, path, offset, length, errno, ms, pid, uid, route }: Access): string {
  const result = errno === 0 ? 'ok' : errnoName(errno);
  const time = new Date().toISOString();
  const seconds = (ms / 1000).toFixed(6);
  const fields = [time, operation, redactPath(path), offset, length, result, seconds, pid, uid, route];
  return `${fields.map((field) => field ?? '-').join('\t')}\n`;
}
