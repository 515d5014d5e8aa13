import { withResolvers } from '../../with-resolvers.js';
import {
  type Connection,
  type ConnectionOwner,
  type Destination,
  DISCARD_MS,
  DISCARDING,
  type Exchange,
} from './connection.js';
import { HeaderFields } from './header-fields.js';
import { CONNECT_LATE, CONNECTION_CLOSED } from './http-failure.js';
import type { IoReport } from './io-messages.js';
import type { IoThread, ThreadConnection } from './io-thread.js';
import type { PlanSocket } from './socket-plan.js';
import { fromThreadError } from './thread-error.js';
import { ThreadedBody } from './threaded-body.js';

/** A connection whose socket, TLS and parser are in an I/O thread: the deadlines, and all else that is decided, are here. */
export class ThreadedConnection implements Connection, ThreadConnection {
  readonly poolKey: string;
  readonly isThreaded = true;
  readonly #owner: ConnectionOwner;
  readonly #thread: IoThread;
  readonly #id: number;
  readonly #gone = withResolvers<void>();
  #state: 'planning' | 'connecting' | 'open' | 'closed' = 'planning';
  /** When connecting or discarding has lasted too long. */
  #deadlineMs: number;
  #idleSinceMs = 0;
  #isUsed = false;
  #exchange: Exchange | undefined;
  /** Of the exchange, for reports that come when it is over. */
  #number = 0;
  #hasHead = false;
  #body: ThreadedBody | undefined;
  #wasActive = false;
  #isHeldUp = false;
  /** The thread has no socket of it. */
  #isGone = false;

  constructor(
    owner: ConnectionOwner,
    { url, route, poolKey }: Destination,
    timeoutMs: number,
    thread: IoThread,
    plan: PlanSocket,
  ) {
    this.poolKey = poolKey;
    this.#owner = owner;
    this.#thread = thread;
    this.#deadlineMs = owner.now() + timeoutMs;
    this.#id = thread.add(this);
    plan(url, route).then(
      (planned) => {
        if (this.#state !== 'planning') return;
        this.#state = 'connecting';
        const { requestText: text = '' } = this.#exchange ?? {};
        thread.post({ kind: 'open', id: this.#id, plan: planned, timeoutMs, exchange: this.#number, text });
      },
      (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error)), false),
    );
  }

  get idleSinceMs(): number | undefined {
    return this.#exchange === undefined && this.#state === 'open' ? this.#idleSinceMs : undefined;
  }

  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  get isBusy(): boolean {
    return this.#exchange !== undefined;
  }

  send(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#number += 1;
    this.#hasHead = false;
    this.#body = undefined;
    this.#thread.noteWork();
    if (this.#state === 'planning') return;
    this.#thread.post({ kind: 'send', id: this.#id, exchange: this.#number, text: exchange.requestText });
  }

  abandon(exchange: Exchange): void {
    if (this.#exchange !== exchange) return;
    if (this.#state === 'planning') {
      this.destroy();
      return;
    }
    // Whether the rest is worth reading, the thread knows.
    this.#exchange = DISCARDING;
    this.#isHeldUp = false;
    this.#deadlineMs = this.#owner.now() + DISCARD_MS;
    this.#thread.post({ kind: 'abandon', id: this.#id });
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    const isPlanning = this.#state === 'planning';
    this.#state = 'closed';
    this.#exchange = undefined;
    if (isPlanning) this.#leave();
    else if (!this.#isGone) this.#thread.destroy(this.#id);
    this.#owner.onClosed(this);
  }

  async close(error: Error): Promise<void> {
    this.#fail(error, false);
    await this.#gone.promise;
  }

  tick(nowMs: number, idleMs: number): void {
    const wasActive = this.#wasActive;
    this.#wasActive = false;
    const isConnecting = this.#state === 'planning' || this.#state === 'connecting';
    this.#isHeldUp = this.#body?.isReading === false && this.isBusy && !wasActive;
    if (isConnecting && nowMs >= this.#deadlineMs) this.#fail(new Error(CONNECT_LATE), false);
    else if (this.#exchange === DISCARDING && nowMs >= this.#deadlineMs) this.destroy();
    else if (this.#exchange !== undefined) this.#exchange.onTick(nowMs);
    else if (this.#state === 'open' && nowMs - this.#idleSinceMs >= idleMs) this.destroy();
  }

  onReport(report: IoReport): void {
    this.#wasActive = true;
    this.#isGone = report.isClosed === true;
    if (report.isOpen === true && this.#state === 'connecting') this.#state = 'open';
    if (report.exchange === this.#number) this.#onExchangeReport(report);
    if (report.isIdle === true) this.#onIdle();
    if (!this.#isGone) return;
    // A request that met its end on the way is sent again.
    this.#fail(new Error(CONNECTION_CLOSED), this.#isUsed && !this.#hasHead);
    this.#leave();
  }

  onThreadEnd(): void {
    this.#isGone = true;
    this.#fail(new Error('the I/O thread ended'), false);
    this.#body?.settle(false);
    this.#gone.resolve();
  }

  #onExchangeReport(report: IoReport): void {
    const { head, receivedBytes, targetBytes = 0, checksums = [], failure } = report;
    if (this.#exchange !== undefined && head !== undefined) {
      const { fields, ...rest } = head;
      const body = this.#createBody();
      this.#hasHead = true;
      this.#exchange.onHead({ ...rest, header: new HeaderFields(fields) }, body);
    }
    if (receivedBytes !== undefined) this.#exchange?.onReceived(receivedBytes);
    this.#body?.onProgress(targetBytes, checksums);
    if (failure !== undefined) this.#fail(fromThreadError(failure.error), failure.isStale);
    if (report.hasEnded === true) {
      const exchange = this.#exchange;
      this.#body?.end();
      this.#setIdle();
      exchange?.onEnd();
    }
    if (report.read !== undefined) this.#body?.settle(report.read === 'done');
  }

  #createBody(): ThreadedBody {
    const exchange = this.#number;
    this.#body = new ThreadedBody(({ pieces, minBytes, onPiece }) => {
      this.#isHeldUp = false;
      this.#wasActive = true;
      const needsChecksums = onPiece !== undefined;
      this.#thread.post({ kind: 'read', id: this.#id, exchange, pieces, minBytes, needsChecksums });
    });
    return this.#body;
  }

  #setIdle(): void {
    this.#exchange = undefined;
    this.#isUsed = true;
    this.#isHeldUp = false;
  }

  #onIdle(): void {
    if (this.#state !== 'open') return;
    this.#setIdle();
    this.#idleSinceMs = this.#owner.now();
    this.#thread.noteWork();
    this.#owner.onIdle(this);
  }

  #fail(error: Error, isStale: boolean): void {
    const exchange = this.#exchange;
    this.destroy();
    exchange?.onFailure(error, isStale);
  }

  #leave(): void {
    this.#thread.remove(this.#id);
    this.#body?.settle(false);
    this.#gone.resolve();
  }
}
