import { readFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as sendRequest,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecutionContext } from 'ava';

/** An answer as a whole, for faults that make another one of it. */
export interface WholeAnswer {
  readonly status: number;
  readonly header?: IncomingHttpHeaders;
  readonly body?: string | Buffer;
}

/** An answer of the server. */
export interface ServerAnswer extends WholeAnswer {
  readonly header: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What is wrong with the answers to some requests. Without any of the wishes they pass as they are. */
export interface Fault {
  /** Default: every request. */
  readonly meets?: (request: IncomingMessage) => boolean;
  /** How many requests it meets. Default: all. */
  readonly times?: number;
  /** Is done before the request goes on: it may change what the request is for. */
  readonly before?: () => void | Promise<void>;
  /** The answer comes so much later. */
  readonly delayMs?: number;
  /** There is no answer, and the connection stays. */
  readonly hangs?: boolean;
  /** Instead of the server's answer. */
  readonly answer?: WholeAnswer;
  /** Another answer than the server's. */
  readonly rewrite?: (answer: ServerAnswer) => WholeAnswer;
  /** The connection ends after so many bytes of the body. */
  readonly cutAfterBytes?: number;
  /** The body comes in pieces of `bytes`, one each `everyMs`. */
  readonly drip?: { readonly bytes: number; readonly everyMs: number };
}

export interface FaultFront {
  readonly host: string;
  readonly origin: string;
  /** The requests so far, whatever became of them. */
  readonly requests: { readonly method: string; readonly uri: string; readonly range: string }[];
  /** The newest fault that meets a request counts. */
  add(fault: Fault): void;
  /** Ends all faults. */
  clear(): void;
}

export interface StartedFront extends FaultFront {
  /** When the requests that have ended began and ended. */
  readonly exchanges: { readonly beganMs: number; readonly endedMs: number }[];
}

/**
 * Stands before a server, and passes requests and answers on as they are, but for the faults that a test adds. With paths
 * of a certificate and its key it serves https.
 */
export async function startFaultFront(
  t: ExecutionContext,
  target: string,
  tls?: { readonly certificate: string; readonly key: string },
): Promise<StartedFront> {
  const { hostname, port } = new URL(target);
  const requests: FaultFront['requests'] = [];
  const exchanges: StartedFront['exchanges'] = [];
  let faults: { readonly fault: Fault; left: number }[] = [];

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url: uri = '' } = request;
    requests.push({ method, uri, range: request.headers.range ?? '' });
    const beganMs = performance.now();
    response.once('close', () => exchanges.push({ beganMs, endedMs: performance.now() }));
    const met = faults.findLast(({ fault, left }) => left > 0 && (fault.meets?.(request) ?? true));
    if (met !== undefined) met.left -= 1;
    pass(request, response, met?.fault ?? {}).catch(() => response.destroy());
  };
  const server =
    tls === undefined
      ? createServer(handle)
      : createTlsServer({ cert: await readFile(tls.certificate), key: await readFile(tls.key) }, handle);

  async function pass(request: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
    const body = await readAll(request);
    await fault.before?.();
    if (fault.hangs === true) return;
    if (fault.delayMs !== undefined) await sleep(fault.delayMs);
    if (fault.answer !== undefined) {
      sendWhole(response, fault.answer);
      return;
    }
    const answer = await ask(request, body);
    if (fault.rewrite !== undefined) {
      const whole = { status: answer.statusCode ?? 0, header: answer.headers, body: await readAll(answer) };
      sendWhole(response, fault.rewrite(whole));
      return;
    }
    response.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
    response.flushHeaders();
    await sendBody(response, answer, fault);
  }

  async function ask(request: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      const { method, url: path } = request;
      // With the client's own Host: what is signed stays signed.
      const sent = sendRequest(
        { hostname, port, method, path, headers: request.headers, agent: false },
        resolve,
      );
      sent.on('error', reject).end(body);
    });
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `${tls === undefined ? 'http' : 'https'}://${host}`,
    requests,
    exchanges,
    add: (fault) => faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }),
    clear: () => {
      faults = [];
    },
  };
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Framed anew: the length is that of the body. */
function sendWhole(response: ServerResponse, { status, header = {}, body = '' }: WholeAnswer): void {
  const { 'transfer-encoding': _, 'content-length': __, ...rest } = header;
  response.writeHead(status, { ...rest, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function sendBody(
  response: ServerResponse,
  answer: IncomingMessage,
  { cutAfterBytes = Number.POSITIVE_INFINITY, drip }: Fault,
): Promise<void> {
  let sent = 0;
  const closed = new Promise((resolve) => response.once('close', resolve));
  for await (const chunk of answer) {
    for (const piece of pieces(chunk as Buffer, drip?.bytes)) {
      const passed = piece.subarray(0, cutAfterBytes - sent);
      sent += passed.byteLength;
      if (passed.byteLength < piece.byteLength) {
        // What was written goes out first.
        response.write(passed, () => response.destroy());
        return;
      }
      if (!response.write(passed)) {
        await Promise.race([closed, new Promise((resolve) => response.once('drain', resolve))]);
      }
      if (drip !== undefined) await sleep(drip.everyMs);
      if (response.destroyed) return;
    }
  }
  response.end();
}

function* pieces(chunk: Buffer, bytes = chunk.byteLength): Generator<Buffer> {
  for (let at = 0; at < chunk.byteLength; at += bytes) yield chunk.subarray(at, at + bytes);
}
