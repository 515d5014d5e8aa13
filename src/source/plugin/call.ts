/** One call of a plugin: its deadline, the size of its response, and what its failures mean. */
import { bodyChunks } from '../body-chunks.js';
import { ClientFaultError, InterruptedError, ProtocolError, SourceError, TimeoutError } from '../errors.js';
import { JsonRows } from '../json-rows.js';
import { ListingTooLong, MAX_LISTING_BYTES } from '../listing-limits.js';
import { TextPieces } from '../text-pieces.js';
import { Turns } from '../turns.js';
import type { HttpResponse } from '../http/http-exchange.js';
import { CONNECTION_IDLE } from '../http/http-failure.js';
import { MalformedResponse } from '../http/response-head.js';
import type { PluginProcess } from './plugin-process.js';
import { codeOfFailure, type FailureResponse } from './protocol.js';

/** No response within the deadline. The caller decides whether the process ends. */
export class DeadlineError extends TimeoutError {}

/** The connection to the process broke, most often because the process ended. */
export class ConnectionLostError extends SourceError {
  constructor(url: URL | string, cause: unknown) {
    super('CONNECTION_LOST', 'the connection to the plugin broke', url, { cause });
  }
}

export interface CallOptions {
  readonly url: URL | string;
  readonly signal: AbortSignal | undefined;
  readonly limitMs: number;
}

/** Rows as JSON has them. What it throws ends the call. */
export type TakeRows = (rows: readonly unknown[]) => void;

const MAX_FAILURE_BYTES = 64 * 1024;
const MAX_SHOWN_CHARS = 100;

/** Calls, and reads a response of JSON, all within the deadline. */
export async function callForJson(
  process: PluginProcess,
  path: string,
  body: object,
  options: CallOptions & { readonly maxBytes: number },
): Promise<Record<string, unknown>> {
  return await withinDeadline(options, async (signal) => {
    const response = await post(process, path, body, options.url, signal);
    return parse(process, await readText(response, options.url, options.maxBytes), options.url);
  });
}

/** Calls, and hands on the rows of the list `member` of the response as they come, all within the deadline. */
export async function callForRows(
  process: PluginProcess,
  path: string,
  body: object,
  { member, take, ...options }: CallOptions & { readonly member: string; readonly take: TakeRows },
): Promise<void> {
  await withinDeadline(options, async (signal) => {
    const response = await post(process, path, body, options.url, signal);
    try {
      await readRows(response.body, member, take, options.signal);
    } catch (error) {
      throw rowsFailure(error, member, options.url);
    }
  });
}

/** Calls, and returns the response with its body unread. The deadline holds until the response begins. */
export async function callForBody(
  process: PluginProcess,
  path: string,
  body: object,
  options: CallOptions & { readonly expectedBytes: number },
): Promise<HttpResponse> {
  const { url, expectedBytes } = options;
  return await withinDeadline(options, (signal) => post(process, path, body, url, signal, expectedBytes));
}

async function post(
  process: PluginProcess,
  path: string,
  body: object,
  url: URL | string,
  signal: AbortSignal,
  expectedBytes = 0,
): Promise<HttpResponse> {
  const response = await process.post(path, body, signal, expectedBytes);
  if (response.status !== 200) throw await failureOfResponse(process, response, url);
  return response;
}

/** What a failure of the transport means. */
export function failureOfTransport(error: unknown, url: URL | string): SourceError {
  if (error instanceof SourceError) return error;
  if (error instanceof Error && error.message === CONNECTION_IDLE) {
    return new DeadlineError(url, { expected: 'a response of the plugin', found: 'nothing', cause: error });
  }
  if (error instanceof MalformedResponse) {
    return new ProtocolError('the plugin does not speak HTTP', url, {
      expected: 'a response of HTTP/1.1 with the length that it says',
      found: error.message,
      cause: error,
    });
  }
  return new ConnectionLostError(url, error);
}

async function withinDeadline<Result>(
  { url, signal, limitMs }: CallOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (signal?.aborted === true) throw new InterruptedError(url, signal.reason);
  const controller = new AbortController();
  const late = new DeadlineError(url, {
    expected: `a response within ${limitMs / 1000} s`,
    found: 'nothing',
  });
  const timer = setTimeout(() => controller.abort(late), limitMs);
  const onAbort = (): void => controller.abort(new InterruptedError(url, signal?.reason));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason;
    throw failureOfTransport(error, url);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

async function failureOfResponse(
  process: PluginProcess,
  response: HttpResponse,
  url: URL | string,
): Promise<SourceError> {
  const text = await readText(response, url, MAX_FAILURE_BYTES);
  let failure: FailureResponse = {};
  try {
    failure = parse(process, text, url);
  } catch {
    // A server's own page; its status says enough.
  }
  const code = codeOfFailure(response.status, failure.code);
  const message = typeof failure.message === 'string' ? process.masked(failure.message).slice(0, 500) : '';
  const found = message === '' ? `status ${response.status}` : message;
  if (code === undefined) return new ClientFaultError('plugin', url, { found, status: response.status });
  return new SourceError(code, `the plugin says: ${found}`, url, { found, status: response.status });
}

async function readRows(
  body: HttpResponse['body'],
  member: string,
  take: TakeRows,
  callerSignal: AbortSignal | undefined,
): Promise<void> {
  const [pieces, rows, turns] = [new TextPieces(), new JsonRows(member), new Turns(callerSignal)];
  let bytes = 0;
  const read = async (text: string): Promise<void> => {
    const found = rows.read(text);
    take(found);
    await turns.spend(text.length, found.length);
  };
  for await (const chunk of bodyChunks(body, () => body.cancel())) {
    bytes += chunk.byteLength;
    if (bytes > MAX_LISTING_BYTES) throw new ListingTooLong(`${MAX_LISTING_BYTES} bytes`);
    for (const text of pieces.add(chunk)) await read(text);
  }
  await read(pieces.end());
  rows.end();
}

function rowsFailure(error: unknown, member: string, url: URL | string): unknown {
  if (error instanceof ListingTooLong) {
    return new ClientFaultError('plugin', url, { expected: `at most ${error.expected}`, found: 'more' });
  }
  if (!(error instanceof SyntaxError)) return error;
  return new ClientFaultError('plugin', url, {
    expected: `a JSON object with a list '${member}'`,
    // The engine's own message quotes the text, cut anywhere: within a secret, perhaps.
    found: error.message.replace(/, (?:\.\.\.)?".*$/s, ''),
  });
}

async function readText(response: HttpResponse, url: URL | string, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyChunks(response.body, () => response.body.cancel())) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      const expected = `a response of at most ${maxBytes} bytes`;
      throw new ClientFaultError('plugin', url, { expected, found: 'more' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(process: PluginProcess, text: string, url: URL | string): Record<string, unknown> {
  // Only for an error, and before it is cut: a part of a secret would not be found.
  const found = (): string => process.masked(text).slice(0, MAX_SHOWN_CHARS);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ClientFaultError('plugin', url, { expected: 'JSON', found: found(), cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ClientFaultError('plugin', url, { expected: 'a JSON object', found: found() });
  }
  return value as Record<string, unknown>;
}
