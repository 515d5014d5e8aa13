/**
 * A dfdaemon without a cluster: the proxy of one node, on loopback, as clients see it. Nodes with the same `Swarm` share
 * pieces. `test/cluster` compares it with the real one.
 */
import { setMaxListeners } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { ExecutionContext } from 'ava';

import type { DfdaemonFault } from './fault.js';
import { send } from './origin.js';
import { DfdaemonError, sendFailure } from './failure.js';
import { sendContent } from './send-content.js';
import { Swarm } from './swarm.js';
import { Task, type Traffic } from './task.js';
import { parseRange, readTaskRequest, type TaskRequest } from './task-request.js';

export { DFDAEMON_FAULTS, type DfdaemonFault } from './fault.js';
export { Swarm } from './swarm.js';

/** A request as it came, with what became of it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly header: IncomingHttpHeaders;
  /** Undefined where it was handed to the origin as it is. */
  readonly taskId: string | undefined;
  /** 0 as long as it is being answered. */
  status: number;
  sentBytes: number;
}

export interface FakeDfdaemonOptions {
  /** Default: one of its own. */
  readonly swarm?: Swarm;
  /** dfdaemon's default: 360 s. */
  readonly collectedPieceTimeoutMs?: number;
  /** How far it fetches ahead of a client. dfdaemon: 29. */
  readonly aheadPieces?: number;
}

/** Serves until the test ends. */
export async function startFakeDfdaemon(
  t: Pick<ExecutionContext, 'teardown'>,
  options: FakeDfdaemonOptions = {},
): Promise<FakeDfdaemon> {
  const dfdaemon = new FakeDfdaemon(options);
  await dfdaemon.start();
  t.teardown(() => dfdaemon.kill());
  return dfdaemon;
}

export class FakeDfdaemon {
  /** The requests so far. dfdaemon logs them like this, header and all. */
  readonly requests: SeenRequest[] = [];
  readonly traffic: Traffic = { source: 0, peers: 0 };
  readonly #swarm: Swarm;
  readonly #limits: { readonly collectedPieceTimeoutMs: number; readonly aheadPieces: number };
  readonly #server = createServer((request, response) => {
    this.#handle(request, response).catch(() => response.destroy());
  });
  readonly #tasks = new Map<string, Task>();
  #stopped = new AbortController();
  #port = 0;
  #faults: { readonly fault: DfdaemonFault; left: number }[] = [];

  constructor({
    swarm = new Swarm(),
    collectedPieceTimeoutMs = 360_000,
    aheadPieces = 29,
  }: FakeDfdaemonOptions) {
    this.#swarm = swarm;
    this.#limits = { collectedPieceTimeoutMs, aheadPieces };
  }

  /** The address of the proxy. */
  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Of the requests for content, the newest fault that is left meets the next one. */
  add(fault: DfdaemonFault): void {
    this.#faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  /** Ends all faults. */
  clear(): void {
    this.#faults = [];
  }

  /** Connections are refused from now on, those that are open are reset, and its pieces are gone for others. */
  async kill(): Promise<void> {
    this.#stopped.abort();
    for (const task of this.#tasks.values()) task.abandon();
    this.#tasks.clear();
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  /** Starts it, again on the same port and without a piece. */
  async start(): Promise<void> {
    this.#stopped = new AbortController();
    // One for each piece.
    setMaxListeners(0, this.#stopped.signal);
    await new Promise<void>((resolve) => {
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wanted = readTaskRequest(request);
    const { method = '', url = '', headers: header } = request;
    const seen: SeenRequest = { method, url, header, taskId: wanted?.taskId, status: 0, sentBytes: 0 };
    this.requests.push(seen);
    if (wanted === undefined) {
      await passThrough(request, response);
    } else {
      const met = this.#faults.findLast(({ left }) => left > 0);
      if (met !== undefined) met.left -= 1;
      await this.#answer(wanted, response, met?.fault ?? {}, seen);
    }
    seen.status = response.statusCode;
  }

  async #answer(
    request: TaskRequest,
    response: ServerResponse,
    fault: DfdaemonFault,
    seen: SeenRequest,
  ): Promise<void> {
    if (fault.hangs === true) return;
    if (fault.resets === true) {
      response.socket?.resetAndDestroy();
      return;
    }
    if (fault.answer !== undefined) {
      const { status, header } = fault.answer;
      response.writeHead(status, header).flushHeaders();
      // A length that no body follows: the connection stays as it is.
      if (header['content-length'] === undefined) response.end();
      return;
    }
    try {
      await this.#sendTask(request, response, fault, seen);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else sendFailure(response, error);
    }
  }

  async #sendTask(
    request: TaskRequest,
    response: ServerResponse,
    fault: DfdaemonFault,
    seen: SeenRequest,
  ): Promise<void> {
    const task = this.#taskOf(request);
    const { header, lengthBytes } = await task.head(request);
    if (lengthBytes === undefined) throw new DfdaemonError(422);
    const [start, end] =
      request.range === undefined ? [0, lengthBytes] : parseRange(request.range, lengthBytes);
    const isFinished = task.isFinished;
    const downloaded = task.download(start, end, lengthBytes);
    if (request.prefetches) task.prefetch(lengthBytes);
    const pieces = await downloaded;
    const changed = fault.content === undefined ? undefined : fault.content(await whole(pieces));
    const content = changed === undefined ? pieces : [changed];
    response.writeHead(request.range === undefined ? 200 : 206, {
      ...header,
      ...(request.range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${lengthBytes}` }),
      'content-length': changed?.byteLength ?? end - start,
      ...(isFinished ? { 'x-dragonfly-task-download-finished': 'true' } : {}),
      'x-dragonfly-task-id': task.id,
      'x-dragonfly-server-ip': '127.0.0.1',
      ...fault.header,
    });
    await sendContent(response, content, fault, (bytes) => (seen.sentBytes += bytes));
  }

  #taskOf(request: TaskRequest): Task {
    const known = this.#tasks.get(request.taskId);
    if (known !== undefined) return known;
    const task = new Task(request, {
      swarm: this.#swarm,
      traffic: this.traffic,
      ...this.#limits,
      signal: this.#stopped.signal,
    });
    this.#tasks.set(request.taskId, task);
    return task;
  }
}

async function passThrough(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '', headers } = request;
  const answer = await send(url, { method, headers }, request);
  response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
  answer.pipe(response);
}

async function whole(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}
