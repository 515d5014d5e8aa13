/**
 * The body of a plugin's download. It delivers exactly the bytes that were promised: more or fewer are a
 * fault of the plugin. A body that breaks because the process ended continues where it stopped on the next
 * process, if the response named its version (strong entity tag, or time) and the next one names the same.
 */
import { ChangedError, InterruptedError, ProtocolError } from '../errors.js';
import { isWeakEtag, type Request } from '../request.js';
import type { ExchangeBody } from '../http/exchange-body.js';
import { readAhead } from '../http/read-ahead.js';
import { type BufferProvider, type BodySink, newResponse, type Response } from '../response.js';
import { callForBody, ConnectionLostError, failureOfTransport } from './call.js';
import type { Plugin } from './plugin.js';
import type { PluginProcess } from './plugin-process.js';
import { callOf } from './protocol.js';
import { checkResponse, type KnownResource, type ResponseFacts } from './remote-response.js';

const MAX_RESUMES = 3;

/** One response with its body. */
interface Part extends ResponseFacts {
  readonly process: PluginProcess;
  readonly body: ExchangeBody;
  close(): void;
}

export async function openRemoteBody(
  plugin: Plugin,
  request: Request,
  known: () => KnownResource | undefined,
): Promise<Response> {
  const first = await openPart(plugin, request, known());
  const body = new RemoteBody(plugin, request, known, first);
  const drain = (sink: BodySink, nextBuffer?: BufferProvider): Promise<void> => body.drain(sink, nextBuffer);
  const cancel = (): void => body.cancel();
  return newResponse(readAhead(drain, cancel), {
    header: () => first.header.toHeaders(),
    contentLength: first.lengthBytes ?? -1,
    ...(first.offset === undefined ? {} : { offset: first.offset }),
    drain,
    cancel,
  });
}

class RemoteBody {
  readonly #plugin: Plugin;
  readonly #request: Request;
  readonly #known: () => KnownResource | undefined;
  readonly #first: Part;
  #part: Part;
  #readBytes = 0;
  #isCancelled = false;
  #isTooLong = false;

  constructor(plugin: Plugin, request: Request, known: () => KnownResource | undefined, first: Part) {
    this.#plugin = plugin;
    this.#request = request;
    this.#known = known;
    this.#first = first;
    this.#part = first;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#part.close();
  }

  /** Pushes the body into `sink`. May be called once. */
  async drain(sink: BodySink, nextBuffer?: BufferProvider): Promise<void> {
    let resumes = 0;
    let skipBytes = 0;
    for (;;) {
      const before = this.#readBytes;
      try {
        await this.#drainPart(skipBytes, sink, nextBuffer);
        return;
      } catch (error) {
        if (this.#part.body.hasSinkFailed && !this.#isTooLong) throw error;
        const failure = this.#failureOf(error);
        await this.#plugin.noteFailure(this.#part.process, failure);
        if (this.#readBytes > before) resumes = 0;
        resumes += 1;
        if (resumes > MAX_RESUMES || !(failure instanceof ConnectionLostError) || !isNamed(this.#first)) {
          throw failure;
        }
      } finally {
        this.#part.close();
      }
      skipBytes = await this.#resume();
    }
  }

  async #drainPart(skip: number, sink: BodySink, nextBuffer: BufferProvider | undefined): Promise<void> {
    const { lengthBytes } = this.#first;
    const { body, process } = this.#part;
    let skipBytes = skip;
    const take = (chunk: Uint8Array): void | Promise<void> => {
      process.hasSent = true;
      const useful = chunk.subarray(Math.min(skipBytes, chunk.byteLength));
      skipBytes -= chunk.byteLength - useful.byteLength;
      this.#readBytes += useful.byteLength;
      this.#plugin.counters.bytes += useful.byteLength;
      this.#isTooLong = lengthBytes !== undefined && this.#readBytes > lengthBytes;
      if (this.#isTooLong) throw this.#wrongLength('more');
      return useful.byteLength === 0 ? undefined : sink(useful);
    };
    // What is skipped must not be read into memory that is offered for what follows.
    await body.drain(take, skip === 0 ? nextBuffer : undefined);
    if (lengthBytes !== undefined && this.#readBytes < lengthBytes) throw this.#wrongLength('fewer');
  }

  /** Opens the rest, and returns how many bytes of it were read already. */
  async #resume(): Promise<number> {
    const position = (this.#first.offset ?? 0) + this.#readBytes;
    const { range, url } = this.#request;
    const rest = this.#request.with({ range: { start: position, end: range?.end ?? Infinity } });
    const next = await openPart(this.#plugin, rest, this.#known());
    this.#part = next;
    if (this.#isCancelled) next.close();
    const skipBytes = position - (next.offset ?? 0);
    const isSame = nameOf(next) === nameOf(this.#first) && next.offset !== undefined && skipBytes >= 0;
    if (isSame) return skipBytes;
    next.close();
    throw new ChangedError(url, { expected: 'the rest of the body', found: 'another version' });
  }

  #failureOf(error: unknown): unknown {
    const { signal, url } = this.#request;
    if (this.#isCancelled || signal?.aborted === true) return new InterruptedError(url, error);
    return failureOfTransport(error, url);
  }

  #wrongLength(found: 'more' | 'fewer'): ProtocolError {
    return new ProtocolError('the body has a wrong length', this.#request.url, {
      expected: `${this.#first.lengthBytes} bytes`,
      found: `${found}, ${this.#readBytes} bytes`,
    });
  }
}

async function openPart(plugin: Plugin, request: Request, known: KnownResource | undefined): Promise<Part> {
  const { url, signal } = request;
  return await plugin.run(url, async (process) => {
    const options = { url, signal, limitMs: plugin.callLimitMs };
    const response = await callForBody(process, '/download', callOf(request), options);
    let isOpen = true;
    process.activeCalls += 1;
    const close = (): void => {
      if (!isOpen) return;
      isOpen = false;
      process.activeCalls -= 1;
      process.lastUsedMs = performance.now();
      signal?.removeEventListener('abort', close);
      response.body.cancel();
    };
    signal?.addEventListener('abort', close, { once: true });
    try {
      return { process, close, body: response.body, ...checkResponse(response.header, request, known) };
    } catch (error) {
      close();
      throw error;
    }
  });
}

/** What names the version of a response. */
function nameOf({ header }: Part): string {
  return `${header.get('etag') ?? ''} ${header.get('last-modified') ?? ''}`.trim();
}

/** Whether that is strong: what has only a weak entity tag in common may have other bytes. */
function isNamed({ header }: Part): boolean {
  const etag = header.get('etag');
  return header.get('last-modified') !== null || (etag !== null && !isWeakEtag(etag));
}
