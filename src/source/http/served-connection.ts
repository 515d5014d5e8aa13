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

/** A connection in an I/O thread. What happens on it is reported to the main thread. */
export class ServedConnection implements SocketOwner, Exchange {
  /** What is not read stays in the memory of the connection. */
  readonly maxKeptBytes = 0;
  requestText = '';
  readonly #id: number;
  readonly #plan: SocketPlan;
  readonly #opener: SocketOpener;
  readonly #onActive: (connection: ServedConnection) => void;
  readonly #connection: HttpConnection;
  #exchange = 0;
  #body: IncomingBody | undefined;
  #report: IoReport | undefined;

  constructor(
    id: number,
    plan: SocketPlan,
    timeoutMs: number,
    opener: SocketOpener,
    onActive: (connection: ServedConnection) => void,
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
    this.#reported.isOpen = true;
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
        this.#reported.targetBytes = bytes;
      },
      ...(needsChecksums && {
        onPiece: (_: number, checksum: number) => {
          (this.#reported.checksums ??= []).push(checksum);
        },
      }),
    };
    this.#body?.read(target).then(
      () => {
        this.#reported.read = 'done';
      },
      () => {
        this.#reported.read = 'failed';
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
    this.#reported.head = { status, fields: header.entries, framing, keepsAlive };
  }

  onReceived(bytes: number): void {
    const report = this.#reported;
    report.receivedBytes = (report.receivedBytes ?? 0) + bytes;
  }

  onEnd(): void {
    this.#reported.hasEnded = true;
  }

  onFailure(error: Error, isStale: boolean): void {
    this.#reported.failure = { error: toThreadError(error), isStale };
    this.#body?.fail(error);
  }

  /** Deadlines are checked by the main thread. */
  onTick(): void {}

  onIdle(): void {
    this.#reported.isIdle = true;
  }

  onClosed(): void {
    this.#reported.isClosed = true;
  }

  takeReport(): readonly IoReport[] {
    const report = this.#report;
    this.#report = undefined;
    return report === undefined ? [] : [report];
  }

  /** The report of this turn. */
  get #reported(): IoReport {
    if (this.#report === undefined) {
      this.#report = { id: this.#id, exchange: this.#exchange };
      this.#onActive(this);
    }
    return this.#report;
  }
}
