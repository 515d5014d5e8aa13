import type { OnReadOpts, Socket } from 'node:net';

import type { BodyTarget } from '../body-target.js';
import type { SocketOpener } from './connect.js';
import type { Exchange } from './connection.js';
import type { IncomingBody } from './exchange-body.js';
import { HttpConnection, type SocketOwner } from './http-connection.js';
import type { IoReport, IoRequest } from './io-messages.js';
import type { ResponseHead } from './response-head.js';
import type { SocketPlan } from './socket-plan.js';
import { toThreadError } from './thread-error.js';

const LEFT = new Error('the exchange was left');
/** So much is worth a message of its own. */
const PROGRESS_BYTES = 256 * 1024;

/** A connection in an I/O thread. What happens on it is reported to the main thread. */
export class ServedConnection implements SocketOwner, Exchange {
  /** What is not read stays in the memory of the connection. */
  readonly maxKeptBytes = 0;
  requestText = '';
  readonly #id: number;
  readonly #plan: SocketPlan;
  readonly #opener: SocketOpener;
  readonly #onActive: (connection: ServedConnection, isDue: boolean) => void;
  readonly #connection: HttpConnection;
  #exchange = 0;
  #body: IncomingBody | undefined;
  #report: IoReport | undefined;

  constructor(
    id: number,
    plan: SocketPlan,
    timeoutMs: number,
    opener: SocketOpener,
    onActive: (connection: ServedConnection, isDue: boolean) => void,
  ) {
    this.#id = id;
    this.#plan = plan;
    this.#opener = opener;
    this.#onActive = onActive;
    const url = new URL(plan.url);
    this.#connection = new HttpConnection(this, { url, route: undefined, poolKey: '' }, timeoutMs);
  }

  async connect(_: URL, onread: OnReadOpts, signal: AbortSignal): Promise<Socket> {
    const socket = await this.#opener.open(this.#plan, onread, signal);
    this.#event.isOpen = true;
    return socket;
  }

  now(): number {
    return performance.now();
  }

  send(exchange: number, text: string): void {
    this.#exchange = exchange;
    this.#body = undefined;
    this.requestText = text;
    this.#connection.send(this);
  }

  read({ exchange, pieces, minBytes, needsChecksums }: IoRequest & { readonly kind: 'read' }): void {
    const isCurrent = exchange === this.#exchange && this.#body !== undefined;
    if (!isCurrent) return;
    const target: BodyTarget = {
      pieces,
      ...(minBytes !== undefined && { minBytes }),
      onBytes: (bytes) => {
        this.#progress.targetBytes = bytes;
      },
      ...(needsChecksums && {
        onPiece: (_: number, checksum: number) => {
          (this.#progress.checksums ??= []).push(checksum);
        },
      }),
    };
    this.#body?.read(target).then(
      () => {
        this.#event.read = 'done';
      },
      () => {
        this.#event.read = 'failed';
      },
    );
  }

  abandon(): void {
    this.#connection.abandon(this);
    this.#body?.fail(LEFT);
  }

  destroy(): void {
    this.#connection.destroy();
    this.#body?.fail(LEFT);
  }

  onHead({ status, header, framing, keepsAlive }: ResponseHead, body: IncomingBody): void {
    this.#body = body;
    this.#event.head = { status, fields: header.entries, framing, keepsAlive };
  }

  onReceived(bytes: number): void {
    const report = this.#progress;
    report.receivedBytes = (report.receivedBytes ?? 0) + bytes;
    if (report.receivedBytes >= PROGRESS_BYTES) this.#onActive(this, true);
  }

  onEnd(): void {
    this.#event.hasEnded = true;
  }

  onFailure(error: Error, isStale: boolean): void {
    this.#event.failure = { error: toThreadError(error), isStale };
    this.#body?.fail(error);
  }

  /** Deadlines are checked by the main thread. */
  onTick(): void {}

  onIdle(): void {
    this.#event.isIdle = true;
  }

  onClosed(): void {
    this.#event.isClosed = true;
  }

  takeReport(): readonly IoReport[] {
    const report = this.#report;
    this.#report = undefined;
    return report === undefined ? [] : [report];
  }

  /** What more of a body is reported with, some time later. */
  get #progress(): IoReport {
    if (this.#report !== undefined) return this.#report;
    this.#onActive(this, false);
    return (this.#report = { id: this.#id, exchange: this.#exchange });
  }

  /** What all else is reported with, in this turn. */
  get #event(): IoReport {
    this.#onActive(this, true);
    return this.#progress;
  }
}
