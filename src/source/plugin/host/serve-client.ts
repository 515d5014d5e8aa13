/** Serves a client on a socket, in the plugin protocol. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

import { SourceError } from '../../errors.js';
import { validatingClient } from '../../validating-client.js';
import { Request } from '../../request.js';
import type { CompleteClient } from '../../resource-client.js';
import type { Response } from '../../response.js';
import { type DescribeCall, type MetadataResponse, OFFSET_HEADER, type ResourceCall } from '../protocol.js';
import { adaptClient, typed } from './adapt-client.js';
import type { InitResult } from './init-module.js';

type Init = (option: Readonly<Record<string, string>>) => Promise<InitResult>;

const HIGH_WATER_BYTES = 1024 * 1024;

export async function serveClient(socketPath: string, init: Init): Promise<void> {
  const host = new ModuleHost(init);
  const server = createServer({ highWaterMark: HIGH_WATER_BYTES, requestTimeout: 0 }, (request, response) => {
    host.answer(request, response).catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      response.destroy();
    });
  });
  // The mount keeps connections for as long as it likes.
  server.keepAliveTimeout = 0;
  server.listen(socketPath);
  await once(server, 'listening');
}

class ModuleHost {
  readonly #init: Init;
  #client: CompleteClient | undefined;

  constructor(init: Init) {
    this.#init = init;
  }

  async answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = JSON.parse(await text(message)) as ResourceCall & DescribeCall;
    if (message.url === '/describe') {
      await this.#describe(call.option, response);
      return;
    }
    const controller = new AbortController();
    response.once('close', () => controller.abort());
    try {
      const client = this.#client;
      if (client === undefined) throw new Error('not described yet');
      await answerCall(client, message.url ?? '', call, controller.signal, response);
    } catch (error) {
      if (response.headersSent) throw error;
      sendFailure(response, error);
    }
  }

  async #describe(option: Readonly<Record<string, string>>, response: ServerResponse): Promise<void> {
    let made: InitResult;
    try {
      made = await this.#init(option);
    } catch (error) {
      sendFailure(response, error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const { client, attributes } = made;
    if (client !== undefined) this.#client = validatingClient(adaptClient(client));
    const clientFault = client === undefined ? { clientFault: 'invalid client, not a ResourceClient' } : {};
    const methods = ['expired', ...(client?.list === undefined ? [] : ['list'])];
    try {
      sendJson(response, { attributes, methods, ...clientFault });
    } catch (error) {
      sendFailure(response, error, 422);
    }
  }
}

async function answerCall(
  client: CompleteClient,
  path: string,
  call: ResourceCall,
  signal: AbortSignal,
  response: ServerResponse,
): Promise<void> {
  const request = requestOf(call, signal);
  switch (path) {
    case '/metadata': {
      const { kind, contentLength, supportRange, lastModified, mode, ...rest } =
        await client.getMetadata(request);
      rest.response?.cancel();
      const etag = rest.etag === undefined ? {} : { etag: rest.etag };
      const content: MetadataResponse = { kind, contentLength, supportRange, lastModified, mode, ...etag };
      sendJson(response, content);
      return;
    }
    case '/list':
      sendJson(response, {
        entries: (await client.list(request)).map((entry) => ({ ...entry, url: undefined })),
      });
      return;
    case '/expired':
      sendJson(response, { expired: await client.isExpired(request, call.info ?? {}) });
      return;
    case '/download':
      await sendBody(response, await client.download(request), request.url);
      return;
    default:
      sendFailure(response, new Error(`no such call: ${path}`), 404);
  }
}

function requestOf({ url, header, range, pin }: ResourceCall, signal: AbortSignal): Request {
  return new Request(url, {
    header,
    signal,
    ...(pin === undefined ? {} : { pin }),
    ...(range === undefined ? {} : { range: { start: range.start, end: range.end ?? Infinity } }),
  });
}

async function sendBody(response: ServerResponse, download: Response, url: URL): Promise<void> {
  try {
    download.validate();
    const chunks = checkedChunks(download);
    // What fails before the first byte can still be reported.
    const first = await chunks.next().catch((error: unknown) => {
      throw typed(error, url);
    });
    response.writeHead(200, headOf(download));
    if (first.done !== true) response.write(first.value);
    await pipeline(chunks, response);
  } catch (error) {
    // The mount has cancelled the call.
    if (!isPrematureClose(error)) throw error;
  } finally {
    download.cancel();
  }
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/** The body in bytes, exactly as many as it says. */
async function* checkedChunks({ body, contentLength }: Response): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<unknown>) {
    const checked = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!(checked instanceof Uint8Array)) throw new TypeError(`a body has a chunk of type ${typeof chunk}`);
    bytes += checked.byteLength;
    if (contentLength >= 0 && bytes > contentLength) {
      throw new RangeError(`a body is longer than the ${contentLength} bytes that it says`);
    }
    if (checked.byteLength > 0) yield checked;
  }
  if (contentLength >= 0 && bytes < contentLength) {
    throw new RangeError(`a body ends after ${bytes} of the ${contentLength} bytes that it says`);
  }
}

function headOf({ header, contentLength, offset }: Response): Record<string, string> {
  const head: Record<string, string> = {};
  for (const name of ['etag', 'last-modified', 'expires']) {
    const value = header.get(name);
    if (value !== null) head[name] = value;
  }
  if (contentLength >= 0) head['content-length'] = String(contentLength);
  if (offset !== undefined) head[OFFSET_HEADER] = String(offset);
  return head;
}

function sendJson(response: ServerResponse, content: object, status = 200): void {
  const json = Buffer.from(JSON.stringify(content));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': json.byteLength });
  response.end(json);
}

function sendFailure(response: ServerResponse, error: unknown, status = 500): void {
  const code = error instanceof SourceError ? error.code : undefined;
  const said = error instanceof SourceError ? describe(error) : undefined;
  const message = said ?? (error instanceof Error ? error.message : String(error));
  sendJson(response, { ...(code === undefined ? {} : { code }), message: message.slice(0, 2_000) }, status);
}

function describe({ expected, found, message }: SourceError): string {
  if (found === undefined) return message;
  return expected === undefined ? found : `expected ${expected}, found ${found}`;
}
