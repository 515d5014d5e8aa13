/** Requests of a dfdaemon to the origin: all fields of the client travel along, and no certificate is verified. */
import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as sendHttp,
  type RequestOptions,
} from 'node:http';
import { Agent as TlsAgent, request as sendHttps } from 'node:https';

import { BackendError } from './failure.js';
import type { TaskRequest } from './task-request.js';

/** What a task knows of its resource, for as long as it lives. */
export interface ResourceHead {
  readonly header: IncomingHttpHeaders;
  /** Undefined where the origin did not say. */
  readonly lengthBytes: number | undefined;
}

const agent = new Agent({ keepAlive: true });
const tlsAgent = new TlsAgent({ keepAlive: true, rejectUnauthorized: false });

/** Of a GET of the first byte. A part is made to look like the whole. */
export async function statResource(request: TaskRequest, signal: AbortSignal): Promise<ResourceHead> {
  let answer = await get(request, 'bytes=0-0', signal);
  if (answer.statusCode === 416) {
    answer.resume();
    answer = await get(request, undefined, signal);
  }
  const { statusCode: status = 0, headers } = answer;
  if (status === 206) answer.resume();
  else answer.destroy();
  if (status < 200 || status > 299) throw new BackendError(status, headers);
  if (status !== 206) return { header: headers, lengthBytes: lengthOf(headers['content-length']) };
  const { 'content-range': range = '', ...header } = headers;
  const lengthBytes = lengthOf(range.split('/')[1]);
  return { header: { ...header, 'content-length': String(lengthBytes ?? '') }, lengthBytes };
}

/** Bytes `[start, end)`. A whole answer will do only for bytes at the start. */
export async function fetchPiece(
  request: TaskRequest,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const answer = await get(request, `bytes=${start}-${end - 1}`, signal);
  const { statusCode: status = 0, headers } = answer;
  const isRange = status === 206 && headers['content-range']?.startsWith(`bytes ${start}-${end - 1}/`);
  if (isRange !== true && (status !== 200 || start > 0)) {
    answer.destroy();
    throw new BackendError(status, headers);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).byteLength;
    if (bytes >= end - start) break;
  }
  if (bytes < end - start) throw new BackendError(500, {});
  return Buffer.concat(chunks, bytes).subarray(0, end - start);
}

async function get(
  request: TaskRequest,
  range: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let [url, header] = [request.url, request.header];
  for (let hops = 0; hops < 10; hops += 1) {
    const answer = await send(url, { headers: range === undefined ? header : { ...header, range }, signal });
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) || location === undefined) return answer;
    answer.resume();
    const next = new URL(location, url);
    if (next.origin !== new URL(url).origin) {
      const { authorization: _, cookie: __, ...rest } = header;
      header = rest;
    }
    url = next.href;
  }
  throw new BackendError(500, {});
}

/** Sends a request, and resolves with the head of the answer. */
export async function send(
  url: string,
  options: RequestOptions,
  body?: IncomingMessage,
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const isTls = url.startsWith('https:');
    const sent = isTls
      ? sendHttps(url, { ...options, agent: tlsAgent }, resolve)
      : sendHttp(url, { ...options, agent }, resolve);
    sent.on('error', () => reject(new BackendError(500, {})));
    if (body === undefined) sent.end();
    else body.pipe(sent);
  });
}

function lengthOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
